-- Takes jobs out of live; those that still wait are placed again by live_place.
DELETE FROM blacksmith_store.live l
USING unnest((SELECT $1::int4[]), (SELECT $2::bytea[])) AS x (queue, job_id)
WHERE length(x.job_id) = 20 AND l.queue = ANY (ARRAY[x.queue]) AND l.job_id = x.job_id
