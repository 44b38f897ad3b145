-- Events by their ids, with or without payloads ($2), in any order.
SELECT e.id, e.source, e.trigger, e.version, CASE WHEN $2::bool THEN e.context END AS context,
    CASE WHEN $2 THEN e.data END AS data, e.sent_at, e.received_at, e.ingested_at, e.parent_event_id
FROM unnest((SELECT $1::bytea[])) AS x (id)
JOIN blacksmith_store.events e ON e.id = ANY (ARRAY[x.id])
WHERE length(x.id) = 20
