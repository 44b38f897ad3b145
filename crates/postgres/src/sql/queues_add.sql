-- Numbers destinations and actions that have none. Two calls at once may choose one number: the second one fails, and
-- tries again.
WITH new AS (
    SELECT x.destination, x.action
    FROM unnest($1::text[], $2::text[]) AS x (destination, action)
    WHERE NOT EXISTS (
        SELECT FROM blacksmith_store.queues q WHERE q.destination = x.destination AND q.action = x.action)
)
INSERT INTO blacksmith_store.queues (id, destination, action)
SELECT (SELECT coalesce(max(q.id), 0) FROM blacksmith_store.queues q) + row_number() OVER (), new.destination, new.action
FROM new
