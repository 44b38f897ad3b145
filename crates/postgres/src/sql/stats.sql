-- The tally, added up, and of each queue the first waiting job that is due: one look into live_due.
WITH t AS MATERIALIZED (
    SELECT t.queue, t.status, sum(t.n)::int8 AS n
    FROM blacksmith_store.tally t
    GROUP BY t.queue, t.status
    HAVING sum(t.n) <> 0
), due AS MATERIALIZED (
    SELECT u.queue, (
            SELECT l.run_at
            FROM blacksmith_store.live l
            WHERE l.lane >= 0 AND l.queue = u.queue AND l.run_at <= $1::timestamptz
                AND CASE WHEN l.status IN (0, 1, 4, 6) THEN true ELSE false END
            ORDER BY l.run_at, l.job_id
            LIMIT 1
        ) AS earliest
    FROM (SELECT DISTINCT t.queue FROM t) u
)
SELECT q.destination, q.action, t.status, t.n, due.earliest
FROM t
JOIN due ON due.queue = t.queue
JOIN blacksmith_store.queues q ON q.id = t.queue
ORDER BY q.destination, q.action
