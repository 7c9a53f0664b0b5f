-- Since when a run fails, attempt after attempt: patience is measured by what was tried, not by the run's age.
ALTER TABLE provisioning_runs ADD COLUMN failing_since timestamptz;
UPDATE provisioning_runs SET failing_since = started_at WHERE status IN ('pending', 'processing') AND error_code IS NOT NULL;
