-- Ended pauses are remembered for a while, so that a late copy of one does not pause again.
DELETE FROM blacksmith_store.pauses p WHERE p.ended_at <= $1::timestamptz
