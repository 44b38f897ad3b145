-- What is stored of jobs that come again, to be compared.
SELECT j.id, j.event_id, q.destination, q.action, j.version, j.context, j.data, j.created_at, j.parent_job_id
FROM unnest((SELECT $1::bytea[])) AS x (id)
JOIN blacksmith_store.jobs j ON j.id = ANY (ARRAY[x.id])
JOIN blacksmith_store.queues q ON q.id = ANY (ARRAY[j.queue])
WHERE length(x.id) = 20
