-- Everything goes, history too.
DROP VIEW history;
DROP TABLE tally, pauses, claims, log, live, jobs, events, queues;
