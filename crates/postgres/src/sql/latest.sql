-- Where the chains of jobs stand, as far as log knows. Served by log_job.
SELECT x.job_id, g.sequence, g.attempt, g.after, g.end_at
FROM unnest($1::bytea[]) AS x (job_id)
CROSS JOIN LATERAL (
    SELECT g.sequence, g.attempt, g.after, g.end_at
    FROM blacksmith_store.log g
    WHERE g.job_id = x.job_id
    ORDER BY g.sequence DESC
    LIMIT 1
) g
