-- Every destination's action with its number: a small table.
SELECT q.id, q.destination, q.action FROM blacksmith_store.queues q
