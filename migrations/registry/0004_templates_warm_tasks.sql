-- Templates that are replaced and go, warm databases, seeds, what operators ask of workers, and who is alive.

-- retiring: a newer copy is there; kept while somebody still needs it. dropping: nobody may pin it any more.
ALTER TYPE template_copy_status ADD VALUE 'retiring';
ALTER TYPE template_copy_status ADD VALUE 'dropping';
-- What ALTER DATABASE … SET said at the source: a clone does not inherit it, each new database is told again.
ALTER TABLE template_copies ADD COLUMN database_settings jsonb NOT NULL DEFAULT '[]';
ALTER TABLE template_copies ADD COLUMN retired_at timestamptz;

-- A tenant pins its copy only while it is being made.
UPDATE tenant_registry SET template_copy_id = NULL WHERE status NOT IN ('requested', 'provisioning');
CREATE INDEX ON tenant_registry (template_copy_id) WHERE template_copy_id IS NOT NULL;
CREATE INDEX ON tenant_registry (server_id) WHERE database_name IS NOT NULL;

-- Which way a tenant's database was made.
CREATE TYPE provisioning_way AS ENUM ('warm', 'clone', 'build');
ALTER TABLE provisioning_runs ADD COLUMN way provisioning_way;
-- An operator's cancellation: the run takes everything back and ends as failed with the reason 'cancelled'.
ALTER TABLE provisioning_runs ADD COLUMN cancel_requested_at timestamptz;
ALTER TABLE provisioning_runs ADD COLUMN cancel_reason text;

-- The name that a claimed warm database bears until it is renamed; both names are the tenant's until then.
ALTER TABLE tenant_registry ADD COLUMN renamed_from text UNIQUE;
-- The transaction that ran TENANT_SEED_SQL, written before it commits: a lost answer is resolved with it.
ALTER TABLE tenant_registry ADD COLUMN seed_transaction text;
ALTER TABLE tenant_registry ADD COLUMN seeded_at timestamptz;

CREATE TYPE warm_database_status AS ENUM ('warming', 'ready', 'retiring');

-- A finished database that waits for a tenant. The row is written before anything exists under its names.
CREATE TABLE warm_databases (
  -- Becomes the tenant's database_id, to which the sealed values are bound.
  id uuid PRIMARY KEY,
  server_id uuid NOT NULL REFERENCES database_servers,
  template_copy_id uuid NOT NULL REFERENCES template_copies,
  template_version_id uuid NOT NULL REFERENCES template_versions,
  status warm_database_status NOT NULL DEFAULT 'warming',
  database_name text NOT NULL UNIQUE CHECK (octet_length(database_name) <= 63),
  migrator_role text NOT NULL UNIQUE,
  application_role text NOT NULL UNIQUE,
  sealed_data_key text NOT NULL,
  sealed_application_password text NOT NULL,
  sealed_migrator_password text NOT NULL,
  schema_fingerprint jsonb,
  created_at timestamptz NOT NULL DEFAULT now(),
  warmed_at timestamptz,
  CHECK (status <> 'ready' OR (warmed_at IS NOT NULL AND schema_fingerprint IS NOT NULL))
);
CREATE INDEX ON warm_databases (server_id, status, warmed_at);
CREATE INDEX ON warm_databases (template_copy_id);

-- What lies on a server under the platform's names and is nobody's: closed, kept, and dropped only when asked.
CREATE TABLE quarantined_objects (
  id uuid PRIMARY KEY,
  server_id uuid NOT NULL REFERENCES database_servers,
  kind text NOT NULL CHECK (kind IN ('database', 'role')),
  name text NOT NULL,
  reason text NOT NULL,
  quarantined_at timestamptz NOT NULL DEFAULT now(),
  UNIQUE (server_id, kind, name)
);

-- What an operator asked the workers to do, since only they have the servers' logins; and what came of it.
CREATE TYPE task_status AS ENUM ('pending', 'processing', 'completed', 'failed', 'cancelled');
CREATE TABLE tasks (
  id uuid PRIMARY KEY,
  kind text NOT NULL,
  parameters jsonb NOT NULL DEFAULT '{}',
  status task_status NOT NULL DEFAULT 'pending',
  owner text,
  heartbeat_at timestamptz,
  attempts integer NOT NULL DEFAULT 0,
  rings integer NOT NULL DEFAULT 0,
  rung_at timestamptz,
  not_before timestamptz NOT NULL DEFAULT now(),
  result jsonb,
  error_code text,
  error_detail text,
  requested_by text,
  request_id text,
  created_at timestamptz NOT NULL DEFAULT now(),
  started_at timestamptz,
  finished_at timestamptz
);
CREATE INDEX tasks_open ON tasks (not_before) WHERE status IN ('pending', 'processing');
CREATE INDEX tasks_newest ON tasks (created_at DESC, id DESC);

-- What must be alive somewhere in the installation, and when it last was.
CREATE TABLE heartbeats (
  name text PRIMARY KEY,
  holder text NOT NULL,
  beat_at timestamptz NOT NULL DEFAULT now()
);
