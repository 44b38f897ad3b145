-- Claims whose lease has ended, longest ended first; one that is being extended is none. Served by claims_lease.
SELECT k.id, k.last_id, k.queue, k.low, k.high, k.actor
FROM blacksmith_store.claims k
WHERE k.lease_until <= $1::timestamptz
ORDER BY k.lease_until, k.id
LIMIT 100
FOR UPDATE SKIP LOCKED
