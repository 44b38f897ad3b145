-- The store's tables. They stand in a schema of their own, which is the search path while this runs.
--
-- A job is immutable and carries its first transition. `live` holds the unfinished jobs, with the executing transition that
-- has no outcome yet. An outcome appends one row to `log`, with both transitions of the attempt, and takes the job out of
-- `live` or moves its place there. So history is append-only, a claim updates no indexed column, and what finished jobs cost
-- is disk alone. The view `history` shows one row a transition.
--
-- Statuses are numbers: 0 acknowledged, 1 awaiting, 2 executing, 3 succeeded, 4 failed, 5 discarded, 6 unknown. Ids are the
-- 20 bytes of a KSUID. Names are compared byte by byte.
--
-- Rules that keep the way to a distributed server open: `lane` is in every row of events, jobs, live and log, a hash of the
-- event's id (FNV-1a of its 20 bytes, 32 bits, modulo 1024); there are no triggers, no serials and no defaults, so ids and
-- instants come from the client.

-- A destination's action: jobs name it by its number.
CREATE TABLE queues (
    id int4 PRIMARY KEY,
    destination text COLLATE "C" NOT NULL,
    action text COLLATE "C" NOT NULL,
    UNIQUE (destination, action)
);

CREATE TABLE events (
    sent_at timestamptz,
    received_at timestamptz NOT NULL,
    ingested_at timestamptz NOT NULL,
    lane int2 NOT NULL,
    id bytea NOT NULL,
    source text COLLATE "C" NOT NULL,
    trigger text COLLATE "C" NOT NULL,
    version text COLLATE "C",
    context bytea,
    data bytea,
    parent_event_id bytea
);

CREATE INDEX events_source ON events (source, id);

-- For purges by age; it has one entry for many pages.
CREATE INDEX events_ingested ON events USING brin (ingested_at) WITH (autosummarize = on);

-- Last: of two indexes that look the same to the planner, while a table is empty, it takes the younger one.
ALTER TABLE events ADD PRIMARY KEY (id);

-- first_at, first_state, first_id, first_actor, first_error and run_at are the first transition.
CREATE TABLE jobs (
    created_at timestamptz NOT NULL,
    first_at timestamptz NOT NULL,
    run_at timestamptz,
    queue int4 NOT NULL,
    lane int2 NOT NULL,
    first_state int2 NOT NULL,
    id bytea NOT NULL,
    event_id bytea NOT NULL,
    first_id bytea NOT NULL,
    version text COLLATE "C",
    context bytea,
    data bytea,
    parent_job_id bytea,
    first_actor text COLLATE "C",
    first_error text
);

CREATE INDEX jobs_event ON jobs (event_id);
CREATE INDEX jobs_queue ON jobs (queue, id);
CREATE UNIQUE INDEX jobs_first ON jobs (first_id);
ALTER TABLE jobs ADD PRIMARY KEY (id);

-- The unfinished jobs. run_at is the place in the queue: the run_at as given or the instant of the write, whichever is later.
-- sequence and attempt are those of the latest transition. While status is 2, tr_id, tr_at and before are the executing
-- transition; otherwise they mean nothing. Half of each page stays free, so that a claim is written beside its row.
CREATE TABLE live (
    run_at timestamptz NOT NULL,
    tr_at timestamptz,
    queue int4 NOT NULL,
    attempt int4 NOT NULL,
    sequence int4 NOT NULL,
    lane int2 NOT NULL,
    status int2 NOT NULL,
    before int2,
    job_id bytea NOT NULL,
    event_id bytea NOT NULL,
    tr_id bytea
) WITH (fillfactor = 50);

CREATE UNIQUE INDEX live_job ON live (queue, job_id);
-- Every row meets the condition. Statements that live_due is to serve repeat it; for the others, which look up a job by live_job,
-- live_due is then no choice for the planner, to whom both look the same while there are few rows.
CREATE INDEX live_due ON live (queue, run_at, job_id) WHERE lane >= 0;

-- One row an attempt: its executing transition (exec_id, exec_at, exec_actor) and its outcome. A transition that ended no
-- attempt stands alone: exec_id is null, and `before` is its state before; otherwise `before` is the state before executing.
-- sequence, attempt, after, end_id, end_at, run_at, actor and error are the outcome's. exec_actor is null where it is the
-- same as the outcome's actor.
CREATE TABLE log (
    exec_at timestamptz,
    end_at timestamptz NOT NULL,
    run_at timestamptz,
    queue int4 NOT NULL,
    attempt int4 NOT NULL,
    sequence int4 NOT NULL,
    lane int2 NOT NULL,
    before int2 NOT NULL,
    after int2 NOT NULL,
    job_id bytea NOT NULL,
    event_id bytea NOT NULL,
    exec_id bytea,
    end_id bytea NOT NULL,
    exec_actor text COLLATE "C",
    actor text COLLATE "C",
    error text
);

CREATE UNIQUE INDEX log_job ON log (job_id, sequence);
CREATE UNIQUE INDEX log_exec ON log (exec_id) WHERE exec_id IS NOT NULL;
CREATE UNIQUE INDEX log_end ON log (end_id);
-- Every final outcome has its entry, so that a page of jobs in one state reads no others.
CREATE INDEX log_final ON log (queue, after, job_id) WHERE after IN (3, 5);

-- The leases: one row for each queue that a claim call took jobs of. Their executing transitions' ids lie between id and
-- last_id, their places in the queue between low and high. `call` is the first id of the call.
CREATE TABLE claims (
    lease_until timestamptz NOT NULL,
    low timestamptz NOT NULL,
    high timestamptz NOT NULL,
    queue int4 NOT NULL,
    id bytea NOT NULL,
    last_id bytea NOT NULL,
    call bytea NOT NULL,
    actor text COLLATE "C" NOT NULL,
    PRIMARY KEY (id)
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);

CREATE INDEX claims_lease ON claims (lease_until);
CREATE INDEX claims_actor ON claims (actor, id);

-- A pause that has ended is remembered for an hour.
CREATE TABLE pauses (
    created_at timestamptz NOT NULL,
    ended_at timestamptz,
    id bytea PRIMARY KEY,
    destination text COLLATE "C" NOT NULL,
    action text COLLATE "C",
    actor text COLLATE "C" NOT NULL,
    reason text
);

-- How many jobs are in which state: the sum of n. Each statement that moves jobs appends its differences; `maintain` adds
-- them up.
CREATE TABLE tally (
    n int8 NOT NULL,
    queue int4 NOT NULL,
    status int2 NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);

-- One row a transition, for whoever reads the store with SQL; its columns are kept from version to version.
CREATE VIEW history AS
WITH words (status, word) AS (
    VALUES (0::int2, 'acknowledged'), (1::int2, 'awaiting'), (2::int2, 'executing'), (3::int2, 'succeeded'),
        (4::int2, 'failed'), (5::int2, 'discarded'), (6::int2, 'unknown')
), transitions AS (
    SELECT j.first_id AS id, j.event_id, j.id AS job_id, 0::int8 AS sequence, 0::int8 AS attempt, NULL::int2 AS before,
        j.first_state AS after, j.first_error AS error, j.first_at AS created_at, j.run_at, j.first_actor AS actor,
        j.queue, j.lane
    FROM jobs j
    UNION ALL
    SELECT g.exec_id, g.event_id, g.job_id, g.sequence::int8 - 1, g.attempt::int8 + CASE WHEN g.after = 1 THEN 1 ELSE 0 END,
        g.before, 2::int2, NULL, g.exec_at, NULL, coalesce(g.exec_actor, g.actor), g.queue, g.lane
    FROM log g
    WHERE g.exec_id IS NOT NULL
    UNION ALL
    SELECT g.end_id, g.event_id, g.job_id, g.sequence::int8, g.attempt::int8,
        CASE WHEN g.exec_id IS NULL THEN g.before ELSE 2::int2 END, g.after, g.error, g.end_at, g.run_at, g.actor, g.queue, g.lane
    FROM log g
    UNION ALL
    SELECT l.tr_id, l.event_id, l.job_id, l.sequence::int8, l.attempt::int8, l.before, l.status, NULL, l.tr_at, NULL,
        (SELECT CASE WHEN k.last_id >= l.tr_id THEN k.actor END FROM claims k WHERE k.id <= l.tr_id ORDER BY k.id DESC LIMIT 1),
        l.queue, l.lane
    FROM live l
    WHERE l.status = 2
)
SELECT t.id, t.event_id, t.job_id, q.destination, q.action, t.sequence, t.attempt, b.word AS state_before,
    a.word AS state_after, t.error, t.created_at, t.run_at, t.actor, t.lane
FROM transitions t
JOIN queues q ON q.id = t.queue
JOIN words a ON a.status = t.after
LEFT JOIN words b ON b.status = t.before;
