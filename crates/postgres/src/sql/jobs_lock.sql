-- The jobs whose chains are to grow. Who holds a job's row decides alone what follows, also when the job has left live;
-- only an outcome that is sent as it fits does without, and holds the row of live instead.
SELECT j.id, j.event_id, j.lane, j.queue, j.first_at, j.first_state
FROM unnest((SELECT $1::bytea[])) AS x (id)
JOIN blacksmith_store.jobs j ON j.id = ANY (ARRAY[x.id])
WHERE length(x.id) = 20
ORDER BY x.id
FOR UPDATE OF j
