-- Removes claims of which nothing is executing any more.
DELETE FROM blacksmith_store.claims k
WHERE k.id = ANY ($1::bytea[])
    AND NOT EXISTS (
        SELECT FROM blacksmith_store.live l
        WHERE l.lane >= 0 AND l.queue = k.queue AND l.run_at BETWEEN k.low AND k.high AND l.tr_id BETWEEN k.id AND k.last_id
            AND CASE WHEN l.status = 2 THEN true ELSE false END
        OFFSET 0)
