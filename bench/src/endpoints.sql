-- What made rows are of: 20 services, and sketches.

-- A run of `bins` bins from `first` on, five requests in each.
CREATE FUNCTION pg_temp.run(bins integer, first integer) RETURNS bytea LANGUAGE sql IMMUTABLE AS $$
    SELECT decode(lpad(to_hex(bins), 2, '0') || to_hex(first & 127 | 128) || lpad(to_hex(first >> 7), 2, '0') || '05'
                  || repeat('0305', bins - 1), 'hex')
$$;

-- Admits `each` endpoints of every service.
CREATE FUNCTION pg_temp.admit(each integer) RETURNS void LANGUAGE sql AS $$
    INSERT INTO service SELECT service_id('service-' || s), 'service-' || s, each FROM generate_series(1, 20) AS s;
    INSERT INTO endpoint
        SELECT endpoint_id(service, 'GET', route), service_id(service), service, 'GET', route
        FROM (SELECT 'service-' || s AS service, '/resource/' || r || '/{id}' AS route
              FROM generate_series(1, 20) AS s, generate_series(1, each) AS r) AS names
$$;
