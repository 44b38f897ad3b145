-- Outcomes of claims that this handle has made: as sent they fit, or nothing is done and the call is decided row by row.
-- A final outcome takes the job out of live, any other moves its place there; each appends one row to log.
--
-- $1 queues, $2 lanes, $3 jobs, $4 tokens, $5 ids, $6 states after, $7 attempts, $8 run_at, $9 errors, $10 actors, $11 actors
-- of the claims where they differ, $12 now, $13 claims that end with these outcomes, $14 lowest, $15 highest id.
--
-- How the text pins the plan: `(SELECT $1)` hides how long an array is, so ten rows are expected; `length(…) = 20` divides that
-- by 200. So every join to live is a nested loop over live_job, also when the plan was made while live was empty. The CASE
-- around status has no statistics: right after ANALYZE no row may be executing, and the join would be planned for one row.
WITH x AS MATERIALIZED (
    SELECT x.*
    FROM unnest((SELECT $1::int4[]), (SELECT $2::int2[]), (SELECT $3::bytea[]), (SELECT $4::bytea[]), (SELECT $5::bytea[]),
        (SELECT $6::int2[]), (SELECT $7::int4[]), (SELECT $8::timestamptz[]), (SELECT $9::text[]), (SELECT $10::text[]),
        (SELECT $11::text[]))
        AS x (queue, lane, job_id, token, id, after, attempt, run_at, error, actor, exec_actor)
    WHERE length(x.job_id) = 20
), used AS MATERIALIZED (
    SELECT (EXISTS (SELECT FROM blacksmith_store.jobs j WHERE j.first_id BETWEEN $14::bytea AND $15::bytea)
            AND EXISTS (
                SELECT FROM unnest((SELECT $5)) AS f (id)
                CROSS JOIN LATERAL (SELECT FROM blacksmith_store.jobs j WHERE j.first_id = f.id OFFSET 0) j))
        OR (EXISTS (SELECT FROM blacksmith_store.log g WHERE g.exec_id BETWEEN $14 AND $15)
            AND EXISTS (
                SELECT FROM unnest((SELECT $5)) AS f (id)
                CROSS JOIN LATERAL (SELECT FROM blacksmith_store.log g WHERE g.exec_id = f.id OFFSET 0) g))
        -- Runs that go on are in no index by their ids, but those of one claim lie together: the claims between the lowest and
        -- the highest id, which are few, and the last one before.
        OR (coalesce((
                SELECT k.last_id FROM blacksmith_store.claims k WHERE k.id <= $15 ORDER BY k.id DESC LIMIT 1) >= $14, false)
            AND EXISTS (
                SELECT FROM (
                    SELECT k.id, k.last_id FROM blacksmith_store.claims k WHERE k.id > $14 AND k.id <= $15
                    UNION ALL
                    (SELECT k.id, k.last_id FROM blacksmith_store.claims k WHERE k.id <= $14 ORDER BY k.id DESC LIMIT 1)
                ) k
                WHERE EXISTS (
                    SELECT FROM unnest((SELECT $5)) AS f (id) WHERE f.id BETWEEN k.id AND k.last_id))) AS found
), d AS (
    DELETE FROM blacksmith_store.live l USING x
    WHERE x.after IN (3, 5) AND l.queue = ANY (ARRAY[x.queue]) AND l.job_id = x.job_id AND l.lane = x.lane AND l.tr_id = x.token
        AND CASE WHEN l.status = 2 THEN true ELSE false END
    RETURNING l.lane, l.job_id, l.event_id, l.queue, l.sequence + 1 AS sequence, l.before, l.tr_id, l.tr_at, x.id, x.after,
        x.attempt, x.run_at, x.error, x.actor, x.exec_actor
), r AS (
    UPDATE blacksmith_store.live l
    SET status = x.after, attempt = x.attempt, sequence = l.sequence + 1, run_at = greatest(x.run_at, $12::timestamptz, l.tr_at)
    FROM x
    WHERE x.after NOT IN (3, 5) AND l.queue = ANY (ARRAY[x.queue]) AND l.job_id = x.job_id AND l.lane = x.lane AND l.tr_id = x.token
        AND CASE WHEN l.status = 2 THEN true ELSE false END
    RETURNING l.lane, l.job_id, l.event_id, l.queue, l.sequence, l.before, l.tr_id, l.tr_at, x.id, x.after, x.attempt,
        x.run_at, x.error, x.actor, x.exec_actor
), w AS (
    SELECT * FROM d UNION ALL SELECT * FROM r
), k AS (
    DELETE FROM blacksmith_store.claims k WHERE k.id = ANY ((SELECT $13::bytea[])::bytea[])
), t AS (
    INSERT INTO blacksmith_store.tally (queue, status, n)
    SELECT v.queue, v.status, sum(v.n)
    FROM (SELECT w.queue, 2::int2 AS status, -1 AS n FROM w UNION ALL SELECT w.queue, w.after, 1 FROM w) v
    GROUP BY v.queue, v.status
), g AS (
    INSERT INTO blacksmith_store.log (lane, job_id, sequence, event_id, queue, attempt, before, exec_id, exec_at, exec_actor,
        after, end_id, end_at, run_at, error, actor)
    SELECT w.lane, w.job_id, w.sequence, w.event_id, w.queue, w.attempt, w.before, w.tr_id, w.tr_at, w.exec_actor,
        w.after, w.id, greatest($12, w.tr_at), w.run_at, w.error, w.actor
    FROM w
    RETURNING 1
)
SELECT CASE WHEN count(*) = cardinality($3) AND NOT (SELECT used.found FROM used)
    THEN count(*)
    ELSE ('blacksmith store: a transition does not fit as sent, the call is decided row by row; fitting: ' || count(*))::int8
    END
FROM g
