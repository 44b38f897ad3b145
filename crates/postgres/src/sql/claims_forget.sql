-- Removes claim calls of which nothing is executing any more: $1 are their rows. A call's rows go together, for the token of a
-- run that has ended still names the call.
DELETE FROM blacksmith_store.claims k
WHERE k.id = ANY ($1::bytea[])
    AND NOT EXISTS (
        SELECT
        FROM blacksmith_store.claims o
        CROSS JOIN LATERAL (
            SELECT FROM blacksmith_store.live l
            WHERE l.lane >= 0 AND l.queue = o.queue AND l.run_at BETWEEN o.low AND o.high
                AND l.tr_id BETWEEN o.id AND o.last_id AND CASE WHEN l.status = 2 THEN true ELSE false END
            OFFSET 0) l
        WHERE o.id = ANY ($1) AND o.call = k.call
        OFFSET 0)
