-- Admin keys that are given out, and database servers that are added while it runs.

CREATE TYPE admin_scope AS ENUM ('read', 'operate', 'owner');

CREATE TABLE admin_keys (
  id uuid PRIMARY KEY,
  name text NOT NULL,
  scope admin_scope NOT NULL,
  -- SHA-256 of the key. It has 256 random bits, so that nothing slower is needed.
  hash bytea NOT NULL UNIQUE CHECK (length(hash) = 32),
  created_by text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  expires_at timestamptz,
  last_used_at timestamptz,
  -- The row stays: the audit log names it.
  revoked_at timestamptz
);

-- A server that was added and not yet looked at: nobody but the worker that tests it connects to it.
ALTER TYPE server_status ADD VALUE 'unchecked';

ALTER TABLE database_servers
  -- What the last test found; the code is NULL when it found nothing wrong.
  ADD COLUMN checked_at timestamptz,
  ADD COLUMN trouble_code text,
  ADD COLUMN trouble_detail text,
  ADD COLUMN version_num integer;
