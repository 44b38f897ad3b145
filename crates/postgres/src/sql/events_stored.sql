-- What is stored of events that come again, to be compared; kept from being purged until then.
SELECT e.id, e.source, e.trigger, e.version, e.context, e.data, e.sent_at, e.received_at, e.ingested_at, e.parent_event_id
FROM unnest((SELECT $1::bytea[])) AS x (id)
JOIN blacksmith_store.events e ON e.id = ANY (ARRAY[x.id])
WHERE length(x.id) = 20
ORDER BY x.id
FOR KEY SHARE OF e
