//! What holds of the tables at every moment.

#![allow(unreachable_pub, reason = "it is a module of several test programs")]

use tokio_postgres::Client;

/// Sentences about what must not be, each with a query that counts it.
const NEVER: [(&str, &str); 10] = [
    (
        "jobs without their event",
        "SELECT count(*) FROM jobs j WHERE NOT EXISTS (SELECT FROM events e WHERE e.id = j.event_id AND e.lane = j.lane)",
    ),
    (
        "rows of live or log without their job",
        "SELECT (SELECT count(*) FROM live l WHERE NOT EXISTS (SELECT FROM jobs j WHERE j.id = l.job_id AND j.queue = l.queue AND j.lane = l.lane))
            + (SELECT count(*) FROM log g WHERE NOT EXISTS (SELECT FROM jobs j WHERE j.id = g.job_id AND j.queue = g.queue AND j.lane = g.lane))",
    ),
    (
        "jobs that are neither in live nor ended",
        "SELECT count(*) FROM jobs j
         LEFT JOIN LATERAL (SELECT g.after FROM log g WHERE g.job_id = j.id ORDER BY g.sequence DESC LIMIT 1) g ON true
         WHERE (g.after IN (3, 5)) IS NOT TRUE AND NOT EXISTS (SELECT FROM live l WHERE l.job_id = j.id)",
    ),
    (
        "ended jobs that are in live",
        "SELECT count(*) FROM live l
         CROSS JOIN LATERAL (SELECT g.after, g.sequence FROM log g WHERE g.job_id = l.job_id ORDER BY g.sequence DESC LIMIT 1) g
         WHERE g.after IN (3, 5) OR l.sequence <> g.sequence + CASE WHEN l.status = 2 THEN 1 ELSE 0 END",
    ),
    (
        "chains with a gap or a break",
        "SELECT count(*) FROM (
            SELECT h.sequence, h.state_before, h.created_at,
                lag(h.sequence) OVER w AS previous, lag(h.state_after) OVER w AS state, lag(h.created_at) OVER w AS at
            FROM history h WINDOW w AS (PARTITION BY h.job_id ORDER BY h.sequence)
         ) h
         WHERE h.sequence <> coalesce(h.previous + 1, 0) OR h.state_before IS DISTINCT FROM h.state OR h.created_at < h.at",
    ),
    ("transition ids that stand twice", "SELECT count(*) - count(DISTINCT h.id) FROM history h"),
    (
        "executing jobs without a claim",
        "SELECT count(*) FROM live l WHERE l.status = 2 AND NOT EXISTS (
            SELECT FROM claims k WHERE k.queue = l.queue AND l.tr_id BETWEEN k.id AND k.last_id AND l.run_at BETWEEN k.low AND k.high)",
    ),
    (
        "counts that are wrong",
        "SELECT count(*) FROM (
            SELECT t.queue, t.status, sum(t.n) AS n FROM tally t GROUP BY t.queue, t.status HAVING sum(t.n) <> 0
         ) t
         FULL JOIN (
            SELECT v.queue, v.status, count(*) AS n FROM (
                SELECT l.queue, l.status FROM live l
                UNION ALL
                SELECT j.queue, g.after FROM jobs j
                CROSS JOIN LATERAL (SELECT g.after FROM log g WHERE g.job_id = j.id ORDER BY g.sequence DESC LIMIT 1) g
                WHERE NOT EXISTS (SELECT FROM live l WHERE l.job_id = j.id)
            ) v GROUP BY v.queue, v.status
         ) v ON v.queue = t.queue AND v.status = t.status
         WHERE t.n IS DISTINCT FROM v.n",
    ),
    ("jobs without a queue", "SELECT count(*) FROM jobs j WHERE NOT EXISTS (SELECT FROM queues q WHERE q.id = j.queue)"),
    ("claims that overlap", "SELECT count(*) FROM claims a JOIN claims b ON a.id < b.id AND a.last_id >= b.id"),
];

/// Fails unless the tables of the client's schema are sound.
pub(crate) async fn check(client: &Client) {
    for (what, text) in NEVER {
        let count: i64 = match client.query_one(text, &[]).await {
            Ok(row) => row.get(0),
            Err(error) => panic!("{what}: {error:?}"),
        };
        assert_eq!(count, 0, "there are {what}");
    }
}
