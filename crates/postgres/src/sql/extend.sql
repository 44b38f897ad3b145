UPDATE blacksmith_store.claims k SET lease_until = $3::timestamptz WHERE k.actor = $1::text AND k.call = ANY ($2::bytea[])
