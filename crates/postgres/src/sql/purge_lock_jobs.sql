SELECT j.id, j.event_id, j.queue
FROM unnest((SELECT $1::bytea[])) AS x (id)
JOIN blacksmith_store.jobs j ON j.event_id = ANY (ARRAY[x.id])
WHERE length(x.id) = 20
ORDER BY j.id || ''::bytea
FOR UPDATE OF j
