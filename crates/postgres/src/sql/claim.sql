-- Takes due jobs of some queues, oldest first, for one claim call.
--
-- $1 queues, $2 and $3 the position behind which each is looked through, $4 how many jobs each may give, $5 now, $6 ids for the
-- executing transitions, as many as jobs can be taken, $7 the actor, $8 the lease's end.
--
-- Answers one row a claimed job, and one for a queue that gave none; none for a paused one. `used` says that an id of $6 is
-- taken: then nothing is done, and other ids are needed.
--
-- Served by live_due. The inner limit is a number of the text, for with a parameter the planner sorts the whole queue; it
-- is never less than any $4. The outer limit stops the scan, so that no row is locked that is not taken. The CASE around status
-- has no statistics; length(…) = 20 makes the planner expect one row, and look it up by live_job.
WITH used AS MATERIALIZED (
    SELECT EXISTS (SELECT FROM blacksmith_store.jobs j
            WHERE j.first_id BETWEEN ($6::bytea[])[1] AND ($6)[cardinality($6)])
        OR EXISTS (SELECT FROM blacksmith_store.log g WHERE g.exec_id BETWEEN ($6)[1] AND ($6)[cardinality($6)])
        OR EXISTS (SELECT FROM blacksmith_store.log g WHERE g.end_id BETWEEN ($6)[1] AND ($6)[cardinality($6)])
        OR coalesce((SELECT k.last_id FROM blacksmith_store.claims k WHERE k.id <= ($6)[cardinality($6)]
            ORDER BY k.id DESC LIMIT 1) >= ($6)[1], false) AS found
), w AS MATERIALIZED (
    SELECT w.*
    FROM unnest((SELECT $1::int4[]), (SELECT $2::timestamptz[]), (SELECT $3::bytea[]), (SELECT $4::int8[]))
        AS w (queue, start_at, start_job, room)
    JOIN blacksmith_store.queues q ON q.id = w.queue
    WHERE NOT (SELECT used.found FROM used)
        AND NOT EXISTS (
            SELECT FROM blacksmith_store.pauses p
            WHERE p.ended_at IS NULL AND p.destination = q.destination AND (p.action IS NULL OR p.action = q.action))
), c AS MATERIALIZED (
    SELECT c.*, row_number() OVER () AS place
    FROM w
    CROSS JOIN LATERAL (
        SELECT d.*
        FROM (
            SELECT l.queue, l.lane, l.job_id, l.run_at
            FROM blacksmith_store.live l
            WHERE l.lane >= 0 AND l.queue = w.queue AND l.run_at <= $5::timestamptz AND (l.run_at, l.job_id) > (w.start_at, w.start_job)
                AND CASE WHEN l.status IN (0, 1, 4, 6) THEN true ELSE false END
            ORDER BY l.run_at, l.job_id
            LIMIT 1000
            FOR UPDATE OF l SKIP LOCKED
        ) d
        LIMIT w.room
    ) c
), s AS (
    -- What each queue gave: the places of its first and last job, and the last one's position.
    SELECT c.queue, count(*) AS n, min(c.place) AS first, max(c.place) AS last, min(c.run_at) AS low, max(c.run_at) AS high
    FROM c GROUP BY c.queue
), u AS (
    UPDATE blacksmith_store.live l
    SET before = l.status, status = 2, attempt = l.attempt + 1, sequence = l.sequence + 1, tr_id = n.token, tr_at = $5
    FROM unnest(ARRAY (SELECT c.queue FROM c), ARRAY (SELECT c.lane FROM c), ARRAY (SELECT c.job_id FROM c), $6)
        AS n (queue, lane, job_id, token)
    WHERE length(n.job_id) = 20 AND l.queue = ANY (ARRAY[n.queue]) AND l.job_id = n.job_id AND l.lane = n.lane
    RETURNING l.lane, l.job_id, l.event_id, l.queue, l.run_at, l.sequence, l.attempt, l.before, l.tr_id, l.tr_at
), k AS (
    INSERT INTO blacksmith_store.claims (call, id, last_id, queue, actor, lease_until, low, high)
    SELECT ($6)[1], ($6)[s.first], ($6)[s.last], s.queue, $7::text, $8::timestamptz, s.low, s.high FROM s
), t AS (
    INSERT INTO blacksmith_store.tally (queue, status, n)
    SELECT v.queue, v.status, sum(v.n)
    FROM (SELECT u.queue, u.before AS status, -1 AS n FROM u UNION ALL SELECT u.queue, 2::int2, 1 FROM u) v
    GROUP BY v.queue, v.status
), due AS (
    -- A queue that gave all it may goes on behind what it gave; one that gave less has nothing more that is due.
    SELECT w.queue, (
            SELECT l.run_at
            FROM blacksmith_store.live l
            WHERE l.lane >= 0 AND l.queue = w.queue
                AND (l.run_at, l.job_id) > (
                    CASE WHEN coalesce(s.n, 0) < w.room THEN $5 WHEN w.room = 0 THEN w.start_at ELSE s.high END,
                    CASE WHEN coalesce(s.n, 0) < w.room THEN '\xffffffffffffffffffffffffffffffffffffffff'
                        WHEN w.room = 0 THEN w.start_job
                        ELSE (SELECT c.job_id FROM c WHERE c.place = s.last) END)
                AND CASE WHEN l.status IN (0, 1, 4, 6) THEN true ELSE false END
            ORDER BY l.run_at, l.job_id
            LIMIT 1
        ) AS next
    FROM w LEFT JOIN s ON s.queue = w.queue
)
SELECT used.found, w.queue, due.next, u.run_at, u.sequence::int8, u.attempt::int8, u.before, u.tr_id, u.tr_at,
    u.job_id, u.event_id, u.job_version, u.job_context, u.job_data, u.job_created_at, u.parent_job_id,
    u.event_id, u.source, u.trigger, u.version, u.context, u.data, u.sent_at, u.received_at, u.ingested_at, u.parent_event_id
FROM used
LEFT JOIN w ON true
LEFT JOIN due ON due.queue = w.queue
LEFT JOIN (
    SELECT u.*, j.version AS job_version, j.context AS job_context, j.data AS job_data, j.created_at AS job_created_at,
        j.parent_job_id, e.source, e.trigger, e.version, e.context, e.data, e.sent_at, e.received_at, e.ingested_at,
        e.parent_event_id
    FROM u
    CROSS JOIN LATERAL (
        SELECT j.version, j.context, j.data, j.created_at, j.parent_job_id
        FROM blacksmith_store.jobs j WHERE j.id = u.job_id AND j.lane = u.lane OFFSET 0
    ) j
    CROSS JOIN LATERAL (
        SELECT e.source, e.trigger, e.version, e.context, e.data, e.sent_at, e.received_at, e.ingested_at, e.parent_event_id
        FROM blacksmith_store.events e WHERE e.id = u.event_id AND e.lane = u.lane OFFSET 0
    ) e
) u ON u.queue = w.queue
