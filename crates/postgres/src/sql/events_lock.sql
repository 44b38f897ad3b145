-- Keeps events from being purged until jobs were added to them.
SELECT e.id FROM blacksmith_store.events e WHERE e.id = ANY ($1::bytea[]) ORDER BY e.id FOR KEY SHARE
