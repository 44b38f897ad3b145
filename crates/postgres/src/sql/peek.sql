-- The positions of the jobs that a want for several queues would take, oldest first: how many of each queue.
--
-- $1 queues, $2 and $3 the position behind which each is looked through, $4 now, $5 how many jobs are wanted, $6 how many of
-- each queue are looked at first
--
-- The first pass looks at a few of each queue; the last of the wanted ones among them bounds the second pass, so that many
-- long queues are not read as deep as one would be.
WITH w AS MATERIALIZED (
    SELECT w.*
    FROM unnest((SELECT $1::int4[]), (SELECT $2::timestamptz[]), (SELECT $3::bytea[])) AS w (queue, start_at, start_job)
    JOIN blacksmith_store.queues q ON q.id = w.queue
    WHERE NOT EXISTS (
        SELECT FROM blacksmith_store.pauses p
        WHERE p.ended_at IS NULL AND p.destination = q.destination AND (p.action IS NULL OR p.action = q.action))
), bound AS MATERIALIZED (
    SELECT max(b.run_at) AS run_at, count(*) AS n
    FROM (
        SELECT c.run_at
        FROM w
        CROSS JOIN LATERAL (
            SELECT d.run_at FROM (
                SELECT l.run_at
                FROM blacksmith_store.live l
                WHERE l.lane >= 0 AND l.queue = w.queue AND l.run_at <= $4::timestamptz AND (l.run_at, l.job_id) > (w.start_at, w.start_job)
                    AND CASE WHEN l.status IN (0, 1, 4, 6) THEN true ELSE false END
                ORDER BY l.run_at, l.job_id
                LIMIT 1000
            ) d LIMIT $6::int8
        ) c
        ORDER BY c.run_at
        LIMIT $5::int8
    ) b
)
SELECT v.queue, v.run_at, v.job_id
FROM (
    SELECT c.*
    FROM w
    CROSS JOIN bound
    CROSS JOIN LATERAL (
        SELECT d.* FROM (
            SELECT l.queue, l.run_at, l.job_id
            FROM blacksmith_store.live l
            WHERE l.lane >= 0 AND l.queue = w.queue AND (l.run_at, l.job_id) > (w.start_at, w.start_job)
                AND l.run_at <= CASE WHEN bound.n < $5 THEN $4 ELSE bound.run_at END
                AND CASE WHEN l.status IN (0, 1, 4, 6) THEN true ELSE false END
            ORDER BY l.run_at, l.job_id
            LIMIT 1000
        ) d LIMIT $5
    ) c
) v
ORDER BY v.run_at, v.job_id
LIMIT $5
