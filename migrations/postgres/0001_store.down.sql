-- Everything goes, history too.
DROP VIEW history;
DROP TABLE floors, tally, pauses, claims, log, live, jobs, events, queues;
