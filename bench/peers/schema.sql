-- Where the peers count: a row for each minute of an endpoint. Tally has tables of its own. There is no sketch here, and nothing
-- that tells an event from the same event delivered twice.
create table endpoint_minute (
    service text not null,
    method text not null,
    route text not null,
    minute timestamptz not null,
    requests bigint not null,
    client_errors bigint not null,
    errors bigint not null,
    duration_sum_us bigint not null,
    duration_max_us bigint not null,
    primary key (service, method, route, minute)
) with (fillfactor = 50);

-- Bento's call (Python's increment stands in consumer.py): adds up a JSON array of events, then writes a row a key; sorted, so that
-- two calls cannot wait for each other in a ring.
create function count_events(events jsonb) returns void language sql as $$
    insert into endpoint_minute as t
    select e.service, e.method, e.route, date_trunc('minute', e.timestamp, 'UTC'), count(*),
           count(*) filter (where e.status between 400 and 499), count(*) filter (where e.status >= 500),
           sum(round(e.duration_ms * 1000))::bigint, max(round(e.duration_ms * 1000))::bigint
    from jsonb_to_recordset(events) as e(service text, method text, route text, status integer, duration_ms numeric,
        timestamp timestamptz)
    group by 1, 2, 3, 4
    order by 1, 2, 3, 4
    on conflict on constraint endpoint_minute_pkey do update set
        requests = t.requests + excluded.requests,
        client_errors = t.client_errors + excluded.client_errors,
        errors = t.errors + excluded.errors,
        duration_sum_us = t.duration_sum_us + excluded.duration_sum_us,
        duration_max_us = greatest(t.duration_max_us, excluded.duration_max_us)
$$;
