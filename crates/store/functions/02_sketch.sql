-- Quantiles for people with psql or Grafana; the API computes the same in Rust, faster.
-- Merging is concatenation: sketch_quantile(string_agg(sketch, ''), 0.99).

-- The q-quantile of a sketch in microseconds: the value of rank ceil(q * n), at least 1, within 1 %; null of nothing.
CREATE OR REPLACE FUNCTION sketch_quantile(sketch bytea, q double precision) RETURNS double precision
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
    gamma constant double precision := (1.0::double precision + 0.01) / (1.0::double precision - 0.01);
    counts bigint[] := array_fill(0::bigint, ARRAY[1262]);  -- by bin, from bin 0
    total bigint := 0;
    value bigint := 0;       -- varint being read
    shift integer := 0;
    byte integer;
    left_in_run bigint := 0; -- pairs still to come
    bin bigint := 0;
    in_pair boolean := false;
    rank double precision;
BEGIN
    FOR i IN 0 .. octet_length(sketch) - 1 LOOP
        byte := get_byte(sketch, i);
        value := value | ((byte & 127)::bigint << shift);
        shift := shift + 7;
        CONTINUE WHEN byte >= 128 AND shift < 63;
        IF byte >= 128 THEN
            RAISE EXCEPTION 'damaged sketch at byte %', i USING ERRCODE = 'data_corrupted';
        ELSIF left_in_run = 0 THEN
            left_in_run := value;
            bin := 0;
        ELSIF NOT in_pair THEN
            bin := bin + value;
            in_pair := true;
            IF bin > 1261 THEN
                RAISE EXCEPTION 'damaged sketch at byte %', i USING ERRCODE = 'data_corrupted';
            END IF;
        ELSE
            counts[bin + 1] := counts[bin + 1] + value;
            total := total + value;
            left_in_run := left_in_run - 1;
            in_pair := false;
        END IF;
        value := 0;
        shift := 0;
    END LOOP;
    IF left_in_run > 0 OR shift > 0 THEN
        RAISE EXCEPTION 'damaged sketch: it ends within a run' USING ERRCODE = 'data_corrupted';
    END IF;
    IF total = 0 THEN
        RETURN NULL;
    END IF;
    rank := greatest(ceil(least(greatest(q, 0), 1) * total::double precision), 1);
    FOR i IN 0 .. 1261 LOOP
        rank := rank - counts[i + 1];
        IF rank <= 0 THEN
            RETURN CASE WHEN i = 0 THEN 0 ELSE 2 * power(gamma, i - 1) / (gamma + 1) END;
        END IF;
    END LOOP;
    RETURN NULL;
END
$$;
