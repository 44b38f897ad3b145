-- Events with their jobs, none of which is stored. Plain INSERTs, so that what is stored already is an error and nothing is
-- skipped unseen; ascending ids, so that two calls never wait for each other in a circle.
--
-- events: $1 lanes, $2 ids, $3 sources, $4 triggers, $5 versions, $6 contexts, $7 data, $8 sent, $9 received, $10 parents
-- jobs: $11 lanes, $12 ids, $13 events, $14 queues, $15 versions, $16 contexts, $17 data, $18 created, $19 parents
-- first transitions: $20 ids, $21 states, $22 run_at, $23 actors, $24 errors
-- tally: $25 queues, $26 states, $27 counts; $28 now; $29 lowest, $30 highest id of a first transition
WITH e AS (
    INSERT INTO blacksmith_store.events (lane, id, source, trigger, version, context, data, sent_at, received_at,
        parent_event_id, ingested_at)
    SELECT x.lane, x.id, x.source, x.trigger, x.version, x.context, x.data, x.sent_at,
        coalesce(x.received_at, $28::timestamptz), x.parent, $28
    FROM unnest($1::int2[], $2::bytea[], $3::text[], $4::text[], $5::text[], $6::bytea[], $7::bytea[], $8::timestamptz[],
        $9::timestamptz[], $10::bytea[])
        AS x (lane, id, source, trigger, version, context, data, sent_at, received_at, parent)
), x AS MATERIALIZED (
    SELECT x.*
    FROM unnest($11::int2[], $12::bytea[], $13::bytea[], $14::int4[], $15::text[], $16::bytea[], $17::bytea[],
        $18::timestamptz[], $19::bytea[], $20::bytea[], $21::int2[], $22::timestamptz[], $23::text[], $24::text[])
        AS x (lane, id, event_id, queue, version, context, data, created_at, parent, first_id, state, run_at, actor, error)
), used AS MATERIALIZED (
    -- Whether a first transition has the id of another one: each EXISTS over the range is one look into an index, and
    -- finds nothing unless this process has written other transitions in the same moment.
    SELECT (EXISTS (SELECT FROM blacksmith_store.log g WHERE g.exec_id BETWEEN $29::bytea AND $30::bytea)
            AND EXISTS (
                SELECT FROM unnest((SELECT $20)) AS f (id)
                CROSS JOIN LATERAL (SELECT FROM blacksmith_store.log g WHERE g.exec_id = f.id OFFSET 0) g))
        OR (EXISTS (SELECT FROM blacksmith_store.log g WHERE g.end_id BETWEEN $29 AND $30)
            AND EXISTS (
                SELECT FROM unnest((SELECT $20)) AS f (id)
                CROSS JOIN LATERAL (SELECT FROM blacksmith_store.log g WHERE g.end_id = f.id OFFSET 0) g))
        OR (coalesce((
                SELECT k.last_id FROM blacksmith_store.claims k WHERE k.id <= $30 ORDER BY k.id DESC LIMIT 1) >= $29, false)
            AND EXISTS (
                SELECT FROM unnest((SELECT $20)) AS f (id)
                CROSS JOIN LATERAL (
                    SELECT k.last_id FROM blacksmith_store.claims k WHERE k.id <= f.id ORDER BY k.id DESC LIMIT 1
                ) k
                WHERE k.last_id >= f.id)) AS found
), j AS (
    INSERT INTO blacksmith_store.jobs (lane, id, event_id, queue, version, context, data, created_at, parent_job_id, first_id,
        first_at, first_state, run_at, first_actor, first_error)
    SELECT x.lane, x.id, x.event_id, x.queue, x.version, x.context, x.data, coalesce(x.created_at, $28), x.parent, x.first_id,
        $28, x.state, x.run_at, x.actor, x.error
    FROM x
), t AS (
    INSERT INTO blacksmith_store.tally (queue, status, n)
    SELECT t.queue, t.status, t.n FROM unnest($25::int4[], $26::int2[], $27::int8[]) AS t (queue, status, n)
)
INSERT INTO blacksmith_store.live (lane, job_id, event_id, queue, status, attempt, run_at, sequence)
SELECT x.lane, x.id, x.event_id, x.queue, x.state, 0, greatest(x.run_at, $28),
    CASE WHEN used.found
        THEN ('blacksmith store: a transition id is in use, the call is decided row by row: ' || x.id::text)::int4
        ELSE 0 END
FROM x CROSS JOIN used
