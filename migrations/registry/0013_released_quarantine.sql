-- What an operator took over: it stays open under its name, and is neither shut again nor dropped.
ALTER TABLE quarantined_objects ADD COLUMN released_at timestamptz;
