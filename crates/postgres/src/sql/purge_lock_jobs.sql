SELECT j.id, j.event_id, j.queue FROM blacksmith_store.jobs j WHERE j.event_id = ANY ($1::bytea[]) ORDER BY j.id FOR UPDATE
