-- Jobs by their ids ($1), with or without payloads ($2), each with where its chain ends: in
-- live while it executes, else in the latest row of log, else in the job itself.
SELECT j.id AS job_id, j.event_id, q.destination, q.action, j.version AS job_version,
    CASE WHEN $2::bool THEN j.context END AS job_context, CASE WHEN $2 THEN j.data END AS job_data,
    j.created_at AS job_created_at, j.parent_job_id,
    CASE WHEN l.status = 2 THEN l.tr_id ELSE coalesce(g.end_id, j.first_id) END AS id,
    CASE WHEN l.status = 2 THEN l.sequence ELSE coalesce(g.sequence, 0) END::int8 AS sequence,
    CASE WHEN l.status = 2 THEN l.attempt ELSE coalesce(g.attempt, 0) END::int8 AS attempt,
    CASE WHEN l.status = 2 THEN l.before WHEN g.exec_id IS NOT NULL THEN 2::int2 ELSE g.before END AS before,
    CASE WHEN l.status = 2 THEN l.status ELSE coalesce(g.after, j.first_state) END AS after,
    CASE WHEN l.status = 2 THEN NULL WHEN g.end_id IS NULL THEN j.first_error ELSE g.error END AS error,
    CASE WHEN l.status = 2 THEN l.tr_at ELSE coalesce(g.end_at, j.first_at) END AS created_at,
    CASE WHEN l.status = 2 THEN NULL WHEN g.end_id IS NULL THEN j.run_at ELSE g.run_at END AS run_at,
    CASE WHEN l.status = 2 THEN k.actor WHEN g.end_id IS NULL THEN j.first_actor ELSE g.actor END AS actor
FROM unnest((SELECT $1::bytea[])) AS x (id)
JOIN blacksmith_store.jobs j ON j.id = ANY (ARRAY[x.id])
JOIN blacksmith_store.queues q ON q.id = ANY (ARRAY[j.queue])
LEFT JOIN LATERAL (
    SELECT l.status, l.sequence, l.attempt, l.before, l.tr_id, l.tr_at
    FROM blacksmith_store.live l
    WHERE l.queue = j.queue AND l.job_id = j.id
    OFFSET 0
) l ON true
LEFT JOIN LATERAL (
    SELECT g.end_id, g.exec_id, g.sequence, g.attempt, g.before, g.after, g.error, g.end_at, g.run_at, g.actor
    FROM blacksmith_store.log g
    WHERE g.job_id = j.id
    ORDER BY g.sequence DESC
    LIMIT 1
) g ON true
LEFT JOIN LATERAL (
    SELECT CASE WHEN k.last_id >= l.tr_id THEN k.actor END AS actor
    FROM blacksmith_store.claims k WHERE k.id <= l.tr_id ORDER BY k.id DESC LIMIT 1
) k ON l.status = 2
WHERE length(x.id) = 20
