-- Deletes events with everything that belongs to them; this transaction holds the rows of events, jobs and live.
--
-- $1 events; $2 queues and $3 jobs of theirs
--
-- The last state of a job that has left live is that of its latest row of log.
WITH x AS MATERIALIZED (
    SELECT x.* FROM unnest((SELECT $2::int4[]), (SELECT $3::bytea[])) AS x (queue, id) WHERE length(x.id) = 20
), l AS (
    DELETE FROM blacksmith_store.live l USING x WHERE l.queue = ANY (ARRAY[x.queue]) AND l.job_id = x.id
    RETURNING l.queue, l.job_id, l.status
), g AS (
    DELETE FROM blacksmith_store.log g USING x WHERE g.job_id = ANY (ARRAY[x.id])
    RETURNING g.queue, g.job_id, g.sequence, g.after, g.exec_id IS NOT NULL AS is_attempt
), j AS (
    DELETE FROM blacksmith_store.jobs j USING x WHERE j.id = ANY (ARRAY[x.id])
    RETURNING j.id, j.queue
), e AS (
    DELETE FROM blacksmith_store.events e
    USING unnest((SELECT $1::bytea[])) AS x (id)
    WHERE length(x.id) = 20 AND e.id = ANY (ARRAY[x.id])
    RETURNING 1
), ends AS (
    SELECT DISTINCT ON (g.job_id) g.job_id, g.queue, g.after AS status
    FROM g
    WHERE NOT EXISTS (SELECT FROM l WHERE l.job_id = g.job_id)
    ORDER BY g.job_id, g.sequence DESC
), t AS (
    INSERT INTO blacksmith_store.tally (queue, status, n)
    SELECT v.queue, v.status, -count(*)
    FROM (SELECT l.queue, l.status FROM l UNION ALL SELECT ends.queue, ends.status FROM ends) v
    GROUP BY v.queue, v.status
)
SELECT (SELECT count(*) FROM e), (SELECT count(*) FROM j),
    (SELECT count(*) FROM j) + (SELECT coalesce(sum(CASE WHEN g.is_attempt THEN 2 ELSE 1 END), 0) FROM g)
