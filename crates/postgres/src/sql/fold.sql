-- Adds up rows of the tally, at most so many a call; those that another call is adding up are passed over.
WITH d AS (
    DELETE FROM blacksmith_store.tally t
    WHERE t.ctid = ANY (ARRAY (SELECT t.ctid FROM blacksmith_store.tally t LIMIT 50000 FOR UPDATE SKIP LOCKED))
    RETURNING t.queue, t.status, t.n
), f AS (
    INSERT INTO blacksmith_store.tally (queue, status, n)
    SELECT d.queue, d.status, sum(d.n)::int8 FROM d GROUP BY d.queue, d.status HAVING sum(d.n) <> 0
    RETURNING 1
)
SELECT (SELECT count(*) FROM d), (SELECT count(*) FROM f)
