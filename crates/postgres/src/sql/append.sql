-- Rows of log, whose chains this transaction holds, and what they change in the tally.
--
-- $1 queues, $2 lanes, $3 jobs, $4 events, $5 sequences, $6 attempts, $7 states before, $8 states after; executing transitions:
-- $9 ids, $10 instants, $11 actors; ends: $12 ids, $13 instants, $14 run_at, $15 errors, $16 actors
WITH x AS MATERIALIZED (
    SELECT x.*
    FROM unnest($1::int4[], $2::int2[], $3::bytea[], $4::bytea[], $5::int4[], $6::int4[], $7::int2[], $8::int2[], $9::bytea[],
        $10::timestamptz[], $11::text[], $12::bytea[], $13::timestamptz[], $14::timestamptz[], $15::text[], $16::text[])
        AS x (queue, lane, job_id, event_id, sequence, attempt, before, after, exec_id, exec_at, exec_actor, end_id, end_at,
            run_at, error, actor)
), t AS (
    INSERT INTO blacksmith_store.tally (queue, status, n)
    SELECT v.queue, v.status, sum(v.n)
    FROM (
        SELECT x.queue, CASE WHEN x.exec_id IS NULL THEN x.before ELSE 2::int2 END AS status, -1 AS n FROM x
        UNION ALL
        SELECT x.queue, x.after, 1 FROM x
    ) v
    GROUP BY v.queue, v.status
)
INSERT INTO blacksmith_store.log (queue, lane, job_id, event_id, sequence, attempt, before, after, exec_id, exec_at, exec_actor,
    end_id, end_at, run_at, error, actor)
SELECT x.queue, x.lane, x.job_id, x.event_id, x.sequence, x.attempt, x.before, x.after, x.exec_id, x.exec_at, x.exec_actor,
    x.end_id, x.end_at, x.run_at, x.error, x.actor
FROM x
