-- Operators list runs and tasks together, the newest first.
CREATE INDEX provisioning_runs_newest ON provisioning_runs (created_at DESC, id DESC);
