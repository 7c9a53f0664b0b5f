-- What the worker that started last has announced: whether something is left to do after a warm database was
-- claimed. Also a worker of an older configuration then warms none that a registration may take as it is.
ALTER TABLE installation ADD COLUMN warm_needs_run boolean NOT NULL DEFAULT true;
