-- $1 queues, $2 lanes, $3 jobs, $4 events, $5 states, $6 attempts, $7 sequences, $8 places
INSERT INTO blacksmith_store.live (queue, lane, job_id, event_id, status, attempt, sequence, run_at)
SELECT x.queue, x.lane, x.job_id, x.event_id, x.status, x.attempt, x.sequence, x.run_at
FROM unnest($1::int4[], $2::int2[], $3::bytea[], $4::bytea[], $5::int2[], $6::int4[], $7::int4[], $8::timestamptz[])
    AS x (queue, lane, job_id, event_id, status, attempt, sequence, run_at)
