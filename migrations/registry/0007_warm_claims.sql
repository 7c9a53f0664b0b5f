-- What decides whether, and by whom, a warm database may be claimed.

-- Something is left to do after the claim (a seed, a rename), so that only a worker's run may claim it.
ALTER TABLE warm_databases ADD COLUMN needs_run boolean NOT NULL DEFAULT true;
-- Of the application role; a database that was made with another limit is replaced.
ALTER TABLE warm_databases ADD COLUMN connection_limit integer NOT NULL DEFAULT 0;
