-- Keeps events from being purged until jobs were added to them.
SELECT e.id
FROM unnest((SELECT $1::bytea[])) AS x (id)
JOIN blacksmith_store.events e ON e.id = ANY (ARRAY[x.id])
WHERE length(x.id) = 20
ORDER BY x.id
FOR KEY SHARE OF e
