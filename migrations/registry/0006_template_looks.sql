-- What the last look at the source saw, beside what a copy was made from: where they differ, a new version is due.
ALTER TABLE template_copies ADD COLUMN looked_at timestamptz;
ALTER TABLE template_copies ADD COLUMN seen_fingerprint text;
-- Versions by age, for those who ask what changed when.
CREATE INDEX ON template_versions (template_id, created_at DESC);
