-- What is executing under some claims, in the order in which it was taken. Served by live_due.
SELECT k.place, l.job_id, l.tr_id
FROM unnest((SELECT $1::int4[]), (SELECT $2::timestamptz[]), (SELECT $3::timestamptz[]), (SELECT $4::bytea[]),
    (SELECT $5::bytea[])) WITH ORDINALITY AS k (queue, low, high, id, last_id, place)
CROSS JOIN LATERAL (
    SELECT l.job_id, l.tr_id
    FROM blacksmith_store.live l
    WHERE l.lane >= 0 AND l.queue = k.queue AND l.run_at BETWEEN k.low AND k.high AND l.tr_id BETWEEN k.id AND k.last_id
        AND CASE WHEN l.status = 2 THEN true ELSE false END
    ORDER BY l.run_at, l.job_id
    LIMIT 10000
) l
ORDER BY k.place, l.tr_id
