-- What is stored of events that come again, to be compared; kept from being purged until then.
SELECT e.id, e.source, e.trigger, e.version, e.context, e.data, e.sent_at, e.received_at, e.ingested_at, e.parent_event_id
FROM blacksmith_store.events e
WHERE e.id = ANY ($1::bytea[])
ORDER BY e.id
FOR KEY SHARE
