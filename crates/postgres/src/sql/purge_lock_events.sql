SELECT e.id, e.ingested_at FROM blacksmith_store.events e WHERE e.id = ANY ($1::bytea[]) ORDER BY e.id FOR UPDATE
