UPDATE blacksmith_store.pauses p SET ended_at = $2::timestamptz WHERE p.id = $1::bytea AND p.ended_at IS NULL
