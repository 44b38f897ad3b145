-- The store. Instants are microseconds since 1970-01-01T00:00:00Z; ids are the 20 bytes of a KSUID; statuses are 0 acknowledged,
-- 1 awaiting, 2 executing, 3 succeeded, 4 failed, 5 discarded, 6 unknown. Inside, rows are joined by their numbers (n), which
-- are narrow; ids are for the world outside.

-- Never changed once written.
CREATE TABLE blacksmith_events (
    n               INTEGER PRIMARY KEY,
    id              BLOB NOT NULL,
    source          TEXT NOT NULL,
    "trigger"       TEXT NOT NULL,
    version         TEXT,
    sent_at         INTEGER,
    received_at     INTEGER NOT NULL,
    ingested_at     INTEGER NOT NULL,
    parent_event_id BLOB,
    context         BLOB,
    data            BLOB
) STRICT;
CREATE UNIQUE INDEX blacksmith_events_id ON blacksmith_events (id);
CREATE INDEX blacksmith_events_source ON blacksmith_events (source, id);

-- A destination and an action that have had a job.
CREATE TABLE blacksmith_queues (
    n           INTEGER PRIMARY KEY,
    destination TEXT NOT NULL,
    action      TEXT NOT NULL,
    UNIQUE (destination, action)
) STRICT;

-- Never changed once written; a job carries its first transition.
CREATE TABLE blacksmith_jobs (
    n             INTEGER PRIMARY KEY,
    id            BLOB NOT NULL,
    event         INTEGER NOT NULL,
    queue         INTEGER NOT NULL,
    version       TEXT,
    created_at    INTEGER NOT NULL,
    parent_job_id BLOB,
    first_id      BLOB NOT NULL,
    first_status  INTEGER NOT NULL,
    first_at      INTEGER NOT NULL,
    first_run_at  INTEGER,
    first_actor   TEXT,
    first_error   TEXT,
    context       BLOB,
    data          BLOB
) STRICT;
CREATE UNIQUE INDEX blacksmith_jobs_id ON blacksmith_jobs (id);
CREATE INDEX blacksmith_jobs_event ON blacksmith_jobs (event);

-- Where each job stands: one row a job, and the only one of its rows that changes. While it executes, claim and token are set
-- and status is the one before; so a claim moves no entry of blacksmith_states_status. due_at is set while the job waits: its
-- run_at, or the instant of its latest transition if that is later.
CREATE TABLE blacksmith_states (
    job      INTEGER PRIMARY KEY,
    id       BLOB NOT NULL,
    queue    INTEGER NOT NULL,
    status   INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    attempt  INTEGER NOT NULL,
    at       INTEGER NOT NULL,
    due_at   INTEGER,
    claim    INTEGER,
    token    BLOB
) STRICT;
CREATE INDEX blacksmith_states_status ON blacksmith_states (queue, status, id);
CREATE INDEX blacksmith_states_due ON blacksmith_states (queue, due_at, id) WHERE due_at IS NOT NULL;

-- What happened after a job's first transition, only appended to: one row an attempt that has ended, with both its transitions
-- (executing, then the outcome, whose sequence is the row's), or one row a move that no attempt led to (started_* are NULL).
CREATE TABLE blacksmith_log (
    job           INTEGER NOT NULL,
    sequence      INTEGER NOT NULL,
    status_before INTEGER NOT NULL,
    started_id    BLOB,
    started_at    INTEGER,
    started_actor TEXT,
    id            BLOB NOT NULL,
    status        INTEGER NOT NULL,
    attempt       INTEGER NOT NULL,
    at            INTEGER NOT NULL,
    run_at        INTEGER,
    actor         TEXT,
    error         TEXT,
    PRIMARY KEY (job, sequence)
) STRICT, WITHOUT ROWID;

-- Every transition's id, and where the transition is: in the job (sequence 0), its state (executing) or its log.
CREATE TABLE blacksmith_transition_ids (
    id       BLOB PRIMARY KEY,
    job      INTEGER NOT NULL,
    sequence INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- One row a claim call of which something is still executing; its tokens lie between the first and the last.
CREATE TABLE blacksmith_claims (
    n           INTEGER PRIMARY KEY,
    actor       TEXT NOT NULL,
    ends_at     INTEGER NOT NULL,
    first_token BLOB NOT NULL,
    last_token  BLOB NOT NULL,
    executing   INTEGER NOT NULL
) STRICT;
CREATE INDEX blacksmith_claims_actor ON blacksmith_claims (actor);
CREATE INDEX blacksmith_claims_end ON blacksmith_claims (ends_at);

-- Ended pauses are remembered for a while, against late copies.
CREATE TABLE blacksmith_pauses (
    id          BLOB PRIMARY KEY,
    destination TEXT NOT NULL,
    action      TEXT,
    actor       TEXT NOT NULL,
    reason      TEXT,
    created_at  INTEGER NOT NULL,
    ended_at    INTEGER
) STRICT, WITHOUT ROWID;

-- How many jobs of a queue are in which status, exactly.
CREATE TABLE blacksmith_counters (
    queue  INTEGER NOT NULL,
    status INTEGER NOT NULL,
    jobs   INTEGER NOT NULL,
    PRIMARY KEY (queue, status)
) STRICT, WITHOUT ROWID;

-- For readers who use SQL: every transition of every job.
CREATE VIEW blacksmith_transitions AS
SELECT first_id AS id, id AS job_id, 0 AS sequence, 0 AS attempt, NULL AS status_before, first_status AS status,
       first_at AS created_at, first_run_at AS run_at, first_actor AS actor, first_error AS error
FROM blacksmith_jobs
UNION ALL
SELECT log.started_id, jobs.id, log.sequence - 1, log.attempt + (log.status = 1), log.status_before, 2,
       log.started_at, NULL, log.started_actor, NULL
FROM blacksmith_log AS log JOIN blacksmith_jobs AS jobs ON jobs.n = log.job
WHERE log.started_id IS NOT NULL
UNION ALL
SELECT log.id, jobs.id, log.sequence, log.attempt, CASE WHEN log.started_id IS NULL THEN log.status_before ELSE 2 END,
       log.status, log.at, log.run_at, log.actor, log.error
FROM blacksmith_log AS log JOIN blacksmith_jobs AS jobs ON jobs.n = log.job
UNION ALL
SELECT states.token, states.id, states.sequence, states.attempt, states.status, 2, states.at, NULL, claims.actor, NULL
FROM blacksmith_claims AS claims
JOIN blacksmith_transition_ids AS ids ON ids.id BETWEEN claims.first_token AND claims.last_token
JOIN blacksmith_states AS states ON states.job = ids.job AND states.claim = claims.n;

-- For readers who use SQL: every job with its latest status.
CREATE VIEW blacksmith_latest AS
SELECT jobs.id AS job_id, events.id AS event_id, queues.destination, queues.action,
       CASE WHEN states.claim IS NULL THEN states.status ELSE 2 END AS status,
       states.sequence, states.attempt, states.at AS since, states.due_at
FROM blacksmith_states AS states
JOIN blacksmith_jobs AS jobs ON jobs.n = states.job
JOIN blacksmith_events AS events ON events.n = jobs.event
JOIN blacksmith_queues AS queues ON queues.n = states.queue;
