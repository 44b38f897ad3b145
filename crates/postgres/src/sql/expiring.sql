-- What is executing under ended claims; a job whose outcome is being stored is passed over, so that nobody waits for another.
-- The limit in the text is never less than $6, which stops the scan.
SELECT k.place, l.queue, l.job_id, l.attempt
FROM unnest((SELECT $1::int4[]), (SELECT $2::timestamptz[]), (SELECT $3::timestamptz[]), (SELECT $4::bytea[]),
    (SELECT $5::bytea[])) WITH ORDINALITY AS k (queue, low, high, id, last_id, place)
CROSS JOIN LATERAL (
    SELECT l.queue, l.job_id, l.attempt
    FROM blacksmith_store.live l
    WHERE l.lane >= 0 AND l.queue = k.queue AND l.run_at BETWEEN k.low AND k.high AND l.tr_id BETWEEN k.id AND k.last_id
        AND CASE WHEN l.status = 2 THEN true ELSE false END
    ORDER BY l.run_at, l.job_id
    LIMIT 10000
    FOR UPDATE OF l SKIP LOCKED
) l
LIMIT $6::int8
