-- What exists once per installation: its identity, plans, database servers and source templates.

CREATE TABLE installation (
  only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  -- Part of every role and template name, so that two installations may share a server.
  installation_id text NOT NULL CHECK (installation_id ~ '^[a-z0-9]{6}$'),
  -- Set by the first process that holds the key; a process with another key refuses to start.
  master_key_check text,
  worker_public_key text,
  created_at timestamptz NOT NULL DEFAULT now()
);
INSERT INTO installation (installation_id) VALUES (substr(replace(gen_random_uuid()::text, '-', ''), 1, 6));

CREATE TABLE plans (
  key text PRIMARY KEY CHECK (key ~ '^[a-z0-9_]{1,40}$'),
  name text NOT NULL,
  -- NULL means no limit.
  seats integer CHECK (seats > 0),
  self_service boolean NOT NULL DEFAULT true,
  features jsonb NOT NULL DEFAULT '{}',
  quotas jsonb NOT NULL DEFAULT '{}',
  position integer NOT NULL DEFAULT 0,
  created_at timestamptz NOT NULL DEFAULT now()
);
INSERT INTO plans (key, name, seats, self_service, position) VALUES
  ('free', 'Free', 5, true, 1),
  ('pro', 'Pro', 50, true, 2),
  ('enterprise', 'Enterprise', NULL, false, 3);

CREATE TYPE server_profile AS ENUM ('self_managed', 'managed');
CREATE TYPE server_status AS ENUM ('open', 'draining');

CREATE TABLE database_servers (
  id uuid PRIMARY KEY,
  name text NOT NULL UNIQUE,
  host text NOT NULL,
  port integer NOT NULL CHECK (port BETWEEN 1 AND 65535),
  tls jsonb NOT NULL DEFAULT '{"mode": "disable"}',
  -- NULL: the admin login comes from the worker's environment; else sealed to the worker's key.
  sealed_admin_login text,
  profile server_profile NOT NULL DEFAULT 'self_managed',
  status server_status NOT NULL DEFAULT 'open',
  region text NOT NULL DEFAULT 'default',
  capacity_databases integer NOT NULL DEFAULT 1000 CHECK (capacity_databases > 0),
  weight integer NOT NULL DEFAULT 1 CHECK (weight >= 0),
  created_at timestamptz NOT NULL DEFAULT now(),
  UNIQUE (host, port)
);

CREATE TABLE templates (
  id uuid PRIMARY KEY,
  key text NOT NULL UNIQUE,
  source_database text NOT NULL,
  data_tables text[] NOT NULL DEFAULT '{}',
  -- Why the last look at the source gave no template; NULL when it did.
  trouble_code text,
  trouble_detail text,
  created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE template_versions (
  id uuid PRIMARY KEY,
  template_id uuid NOT NULL REFERENCES templates,
  -- Digest of the source when it was dumped; never compared with a template's.
  source_fingerprint text NOT NULL,
  not_carried jsonb NOT NULL DEFAULT '[]',
  created_at timestamptz NOT NULL DEFAULT now(),
  UNIQUE (template_id, source_fingerprint)
);

CREATE TYPE template_copy_status AS ENUM ('building', 'ready');

CREATE TABLE template_copies (
  id uuid PRIMARY KEY,
  template_id uuid NOT NULL REFERENCES templates,
  server_id uuid NOT NULL REFERENCES database_servers,
  -- NULL until the build is done: the version is known only from the finished dump.
  template_version_id uuid REFERENCES template_versions,
  database_name text NOT NULL UNIQUE,
  builder_role text NOT NULL UNIQUE,
  status template_copy_status NOT NULL DEFAULT 'building',
  -- What it was made from: a template whose source was changed begins anew.
  source_database text NOT NULL,
  -- Whose rows it carries; the fingerprint is comparable only with one that looks at the same tables.
  data_tables text[] NOT NULL DEFAULT '{}',
  fingerprint jsonb,
  size_bytes bigint,
  built_at timestamptz,
  created_at timestamptz NOT NULL DEFAULT now(),
  CHECK (status <> 'ready' OR (template_version_id IS NOT NULL AND fingerprint IS NOT NULL))
);
CREATE INDEX ON template_copies (server_id, template_id, built_at DESC);
