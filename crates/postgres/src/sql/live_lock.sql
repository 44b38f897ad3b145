-- The rows of live of jobs whose chains are to grow.
SELECT l.job_id, l.status, l.sequence, l.attempt, l.before, l.tr_id, l.tr_at, (
        SELECT CASE WHEN k.last_id >= l.tr_id THEN k.actor END
        FROM blacksmith_store.claims k WHERE k.id <= l.tr_id ORDER BY k.id DESC LIMIT 1
    ) AS actor
FROM unnest((SELECT $1::int4[]), (SELECT $2::bytea[])) AS x (queue, job_id)
JOIN blacksmith_store.live l ON l.queue = ANY (ARRAY[x.queue]) AND l.job_id = x.job_id
WHERE length(x.job_id) = 20
ORDER BY x.job_id
FOR UPDATE OF l
