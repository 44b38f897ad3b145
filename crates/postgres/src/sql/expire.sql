-- Runs whose lease has ended become unknown; this transaction holds their rows of live.
--
-- $1 queues, $2 jobs, $3 ids, $4 when they are due again, $5 actors of the claims where they differ, $6 the actor, $7 now
WITH x AS MATERIALIZED (
    SELECT x.*
    FROM unnest((SELECT $1::int4[]), (SELECT $2::bytea[]), (SELECT $3::bytea[]), (SELECT $4::timestamptz[]),
        (SELECT $5::text[])) AS x (queue, job_id, id, run_at, exec_actor)
    WHERE length(x.job_id) = 20
), u AS (
    UPDATE blacksmith_store.live l
    SET status = 6, sequence = l.sequence + 1, run_at = greatest(x.run_at, l.tr_at)
    FROM x
    WHERE l.queue = ANY (ARRAY[x.queue]) AND l.job_id = x.job_id
    RETURNING l.lane, l.job_id, l.event_id, l.queue, l.sequence, l.attempt, l.before, l.tr_id, l.tr_at, x.id, x.run_at,
        x.exec_actor
), t AS (
    INSERT INTO blacksmith_store.tally (queue, status, n)
    SELECT v.queue, v.status, sum(v.n)
    FROM (SELECT u.queue, 2::int2 AS status, -1 AS n FROM u UNION ALL SELECT u.queue, 6::int2, 1 FROM u) v
    GROUP BY v.queue, v.status
)
INSERT INTO blacksmith_store.log (lane, job_id, sequence, event_id, queue, attempt, before, exec_id, exec_at, exec_actor, after,
    end_id, end_at, run_at, actor)
SELECT u.lane, u.job_id, u.sequence, u.event_id, u.queue, u.attempt, u.before, u.tr_id, u.tr_at, u.exec_actor, 6, u.id,
    greatest($7::timestamptz, u.tr_at), u.run_at, $6::text
FROM u
