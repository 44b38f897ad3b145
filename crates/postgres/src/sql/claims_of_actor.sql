-- The claims of an actor, kept from being expired meanwhile. Served by claims_actor.
SELECT k.call, k.id, k.last_id, k.queue, k.low, k.high
FROM blacksmith_store.claims k
WHERE k.actor = $1::text
ORDER BY k.id
FOR UPDATE
