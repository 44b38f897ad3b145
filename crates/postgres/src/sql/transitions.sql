-- Transitions by their ids. Served by jobs_first, log_exec, log_end; an executing one by its claim's part of live_due.
WITH x AS MATERIALIZED (
    SELECT x.id FROM unnest((SELECT $1::bytea[])) AS x (id) WHERE length(x.id) = 20
)
SELECT j.event_id, j.id AS job_id, j.first_id AS id, 0::int8 AS sequence, 0::int8 AS attempt, NULL::int2 AS before,
    j.first_state AS after, j.first_error AS error, j.first_at AS created_at, j.run_at, j.first_actor AS actor
FROM x
JOIN blacksmith_store.jobs j ON j.first_id = ANY (ARRAY[x.id])
UNION ALL
SELECT g.event_id, g.job_id, g.exec_id, g.sequence::int8 - 1, g.attempt::int8 + CASE WHEN g.after = 1 THEN 1 ELSE 0 END,
    g.before, 2::int2, NULL, g.exec_at, NULL, coalesce(g.exec_actor, g.actor)
FROM x
CROSS JOIN LATERAL (SELECT g.* FROM blacksmith_store.log g WHERE g.exec_id = x.id OFFSET 0) g
UNION ALL
SELECT g.event_id, g.job_id, g.end_id, g.sequence::int8, g.attempt::int8,
    CASE WHEN g.exec_id IS NULL THEN g.before ELSE 2::int2 END, g.after, g.error, g.end_at, g.run_at, g.actor
FROM x
JOIN blacksmith_store.log g ON g.end_id = ANY (ARRAY[x.id])
UNION ALL
SELECT l.event_id, l.job_id, l.tr_id, l.sequence::int8, l.attempt::int8, l.before, l.status, NULL, l.tr_at, NULL, k.actor
FROM x
CROSS JOIN LATERAL (
    SELECT k.* FROM blacksmith_store.claims k WHERE k.id <= x.id ORDER BY k.id DESC LIMIT 1
) k
CROSS JOIN LATERAL (
    SELECT l.*
    FROM blacksmith_store.live l
    WHERE l.lane >= 0 AND l.queue = k.queue AND l.run_at BETWEEN k.low AND k.high AND l.tr_id = x.id
        AND CASE WHEN l.status = 2 THEN true ELSE false END
    ORDER BY l.run_at, l.job_id
    LIMIT 1
) l
WHERE k.last_id >= x.id
