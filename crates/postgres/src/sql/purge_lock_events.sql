SELECT e.id, e.ingested_at
FROM unnest((SELECT $1::bytea[])) AS x (id)
JOIN blacksmith_store.events e ON e.id = x.id
WHERE length(x.id) = 20
ORDER BY e.id
FOR UPDATE OF e
