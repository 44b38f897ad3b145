INSERT INTO blacksmith_store.pauses (id, destination, action, actor, reason, created_at)
VALUES ($1::bytea, $2::text, $3::text, $4::text, $5::text, $6::timestamptz)
