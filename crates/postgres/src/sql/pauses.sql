SELECT p.id, p.destination, p.action, p.actor, p.reason, p.created_at
FROM blacksmith_store.pauses p
WHERE p.ended_at IS NULL
ORDER BY p.id
