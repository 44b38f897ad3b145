-- The tally, added up, and of each queue the first waiting job that is due: one look into live_due.
SELECT q.destination, q.action, t.status, t.n, d.run_at
FROM (
    SELECT t.queue, t.status, sum(t.n)::int8 AS n FROM blacksmith_store.tally t GROUP BY t.queue, t.status
) t
JOIN blacksmith_store.queues q ON q.id = t.queue
LEFT JOIN LATERAL (
    SELECT l.run_at
    FROM blacksmith_store.live l
    WHERE l.queue = q.id AND l.run_at <= $1::timestamptz AND CASE WHEN l.status IN (0, 1, 4, 6) THEN true ELSE false END
    ORDER BY l.run_at, l.job_id
    LIMIT 1
) d ON true
WHERE t.n <> 0
ORDER BY q.destination, q.action
