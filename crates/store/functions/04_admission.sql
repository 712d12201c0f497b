-- Which endpoints get rows of their own. A new (method, route) is admitted while its service has fewer than
-- setting.endpoints_max, a new service while there are fewer than setting.services_max; what is admitted stays.
-- Locks: setting, then services by id, then endpoints by id. Counts only grow, so what is full needs no lock.

-- Admits new services as far as there is room, by id.
CREATE OR REPLACE FUNCTION admit_services(p_services text[]) RETURNS void
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    room integer;
BEGIN
    SELECT services_max - (SELECT count(*) FROM service) INTO room FROM setting;
    IF room <= 0 OR NOT EXISTS (SELECT FROM unnest(p_services) AS sent (name)
                                WHERE NOT EXISTS (SELECT FROM service s WHERE s.id = service_id(sent.name))) THEN
        RETURN;
    END IF;
    PERFORM FROM setting FOR NO KEY UPDATE;
    SELECT services_max - (SELECT count(*) FROM service) INTO room FROM setting;
    INSERT INTO service (id, name)
    SELECT service_id(sent.name), sent.name
    FROM (SELECT DISTINCT name FROM unnest(p_services) AS name) AS sent
    WHERE NOT EXISTS (SELECT FROM service s WHERE s.id = service_id(sent.name))
    ORDER BY 1 LIMIT greatest(room, 0);
END
$$;

-- Admits new endpoints of services that have room, by id.
CREATE OR REPLACE FUNCTION admit_endpoints(p_ids bigint[], p_services text[], p_methods text[], p_routes text[])
RETURNS void LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    open_ids bigint[];
BEGIN
    SELECT array_agg(id) INTO open_ids FROM (
        SELECT s.id FROM service s, setting
        WHERE s.id IN (SELECT service_id(sent.name) FROM (SELECT DISTINCT name FROM unnest(p_services) AS name) AS sent)
          AND s.endpoints < setting.endpoints_max
        ORDER BY s.id FOR NO KEY UPDATE OF s) AS locked;
    WITH candidates AS (
        SELECT sent.*, service_id(sent.service) AS service_id
        FROM unnest(p_ids, p_services, p_methods, p_routes) AS sent (id, service, method, route)
        WHERE NOT EXISTS (SELECT FROM endpoint e WHERE e.id = sent.id)
    ), ranked AS (
        SELECT c.*, row_number() OVER (PARTITION BY c.service_id ORDER BY c.id) AS rank
        FROM candidates c WHERE c.service_id = ANY (open_ids)
    ), admitted AS (
        INSERT INTO endpoint (id, service_id, service, method, route)
        SELECT r.id, r.service_id, r.service, r.method, r.route
        FROM ranked r JOIN service s ON s.id = r.service_id CROSS JOIN setting
        WHERE r.rank <= setting.endpoints_max - s.endpoints
        ORDER BY r.id RETURNING service_id
    )
    UPDATE service s SET endpoints = s.endpoints + a.added
    FROM (SELECT service_id, count(*)::integer AS added FROM admitted GROUP BY service_id) AS a WHERE s.id = a.service_id;
END
$$;

-- Admits what can be, and says under which <other> the rest counts: of its service, or of all services. Those are
-- endpoints too, beyond the limits, made here.
CREATE OR REPLACE FUNCTION admit(
    p_ids bigint[], p_services text[], p_methods text[], p_routes text[],
    OUT folded_ids bigint[], OUT other_ids bigint[])
LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    PERFORM admit_services(p_services);
    PERFORM admit_endpoints(p_ids, p_services, p_methods, p_routes);
    WITH folded AS MATERIALIZED (
        SELECT sent.id, CASE WHEN s.id IS NULL THEN '<other>' ELSE sent.service END AS service
        FROM unnest(p_ids, p_services) AS sent (id, service)
        LEFT JOIN service s ON s.id = service_id(sent.service)
        WHERE NOT EXISTS (SELECT FROM endpoint e WHERE e.id = sent.id)
    ), others AS MATERIALIZED (
        SELECT DISTINCT endpoint_id(service, '<other>', '<other>') AS id, service FROM folded
    ), made AS (
        INSERT INTO endpoint (id, service_id, service, method, route)
        SELECT o.id, service_id(o.service), o.service, '<other>', '<other>' FROM others o
        WHERE NOT EXISTS (SELECT FROM endpoint e WHERE e.id = o.id)
        ORDER BY o.id ON CONFLICT (id) DO NOTHING
    )
    SELECT array_agg(f.id ORDER BY f.id), array_agg(o.id ORDER BY f.id) INTO folded_ids, other_ids
    FROM folded f JOIN others o USING (service);
END
$$;

-- Keeps a bounded sample, and counts, of what was folded. Rows of one <other> may pass the bound by a few when several
-- batches add to it at once.
CREATE OR REPLACE FUNCTION sample_folded(
    p_folded bigint[], p_other bigint[], p_ids bigint[], p_services text[], p_methods text[], p_routes text[],
    p_endpoints bigint[], p_starts timestamptz[], p_requests bigint[]) RETURNS void
LANGUAGE sql VOLATILE AS $$
    INSERT INTO folded_route AS t (id, other, service, method, route, requests, last_at)
    SELECT id, other, service, method, route, requests, last_at
    FROM (SELECT f.id, f.other, n.service, n.method, n.route, m.requests, m.last_at, known.id IS NOT NULL AS is_known,
                 row_number() OVER (PARTITION BY f.other, known.id IS NOT NULL ORDER BY f.id) AS rank,
                 (SELECT count(*) FROM folded_route r WHERE r.other = f.other) AS kept
          FROM unnest(p_folded, p_other) AS f (id, other)
          JOIN unnest(p_ids, p_services, p_methods, p_routes) AS n (id, service, method, route) ON n.id = f.id
          JOIN (SELECT endpoint, sum(requests)::bigint AS requests, max(start) AS last_at
                FROM unnest(p_endpoints, p_starts, p_requests) AS row (endpoint, start, requests)
                GROUP BY endpoint) AS m ON m.endpoint = f.id
          LEFT JOIN folded_route known ON known.id = f.id) AS seen, setting
    WHERE is_known OR rank <= setting.folded_max - kept
    ORDER BY id
    ON CONFLICT (id) DO UPDATE SET requests = t.requests + excluded.requests, last_at = greatest(t.last_at, excluded.last_at)
$$;
