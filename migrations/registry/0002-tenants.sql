-- Tenants, people, and what joins them.

CREATE TYPE tenant_status AS ENUM (
  'awaiting_verification', 'requested', 'provisioning', 'active', 'suspended', 'read_only',
  'maintenance', 'frozen', 'failed', 'deleting', 'purging', 'deleted'
);
CREATE TYPE tenant_mode AS ENUM ('shared', 'dedicated');
CREATE TYPE member_role AS ENUM ('ADMIN', 'USER');
CREATE TYPE platform_role AS ENUM ('SUPER_ADMIN');

CREATE TABLE tenant_registry (
  id uuid PRIMARY KEY,
  slug text NOT NULL CHECK (slug ~ '^[a-z0-9]+(-[a-z0-9]+)*$' AND length(slug) BETWEEN 3 AND 40),
  name text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 255),
  status tenant_status NOT NULL,
  -- Counts the attempts to make or unmake this tenant; a writer of an older generation is refused.
  generation integer NOT NULL DEFAULT 1,
  status_reason text,
  mode tenant_mode NOT NULL DEFAULT 'shared',
  plan text NOT NULL REFERENCES plans,
  region text NOT NULL DEFAULT 'default',
  template_id uuid REFERENCES templates,
  tags text[] NOT NULL DEFAULT '{}',
  -- The database, written before it exists. Sealed values are bound to database_id, which never changes.
  server_id uuid REFERENCES database_servers,
  database_id uuid UNIQUE,
  database_name text UNIQUE,
  migrator_role text UNIQUE,
  application_role text UNIQUE,
  sealed_data_key text,
  sealed_application_password text,
  sealed_migrator_password text,
  template_copy_id uuid REFERENCES template_copies,
  template_version_id uuid REFERENCES template_versions,
  schema_fingerprint jsonb,
  schema_version text,
  database_size_bytes bigint,
  created_at timestamptz NOT NULL DEFAULT now(),
  last_activity_at timestamptz,
  provisioning_at timestamptz,
  activated_at timestamptz,
  suspended_at timestamptz,
  failed_at timestamptz,
  deleting_at timestamptz,
  purge_after timestamptz,
  deleted_at timestamptz,
  CHECK (status NOT IN ('active', 'suspended', 'read_only', 'maintenance', 'frozen') OR database_name IS NOT NULL),
  CHECK (database_name IS NULL OR octet_length(database_name) <= 63)
);
-- A slug is free again only when the tombstone is reached: database and roles are gone.
CREATE UNIQUE INDEX tenant_registry_slug ON tenant_registry (slug) WHERE status <> 'deleted';
CREATE INDEX tenant_registry_newest ON tenant_registry (created_at DESC, id DESC);
CREATE INDEX tenant_registry_status ON tenant_registry (status, created_at DESC, id DESC);

CREATE TABLE global_users (
  id uuid PRIMARY KEY,
  -- Case-folded by the application (Unicode NFC, lower case).
  email text NOT NULL UNIQUE CHECK (email = lower(email)),
  name text,
  password_hash text NOT NULL,
  email_verified_at timestamptz,
  platform_role platform_role,
  created_at timestamptz NOT NULL DEFAULT now(),
  last_login_at timestamptz
);

CREATE TABLE tenant_members (
  tenant_id uuid NOT NULL REFERENCES tenant_registry ON DELETE CASCADE,
  user_id uuid NOT NULL REFERENCES global_users,
  role member_role NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, user_id)
);
CREATE INDEX ON tenant_members (user_id);

CREATE TABLE tenant_settings (
  tenant_id uuid PRIMARY KEY REFERENCES tenant_registry ON DELETE CASCADE,
  settings jsonb NOT NULL DEFAULT '{}',
  updated_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE tenant_usage (
  tenant_id uuid PRIMARY KEY REFERENCES tenant_registry ON DELETE CASCADE,
  users integer NOT NULL DEFAULT 0,
  database_size_bytes bigint NOT NULL DEFAULT 0,
  updated_at timestamptz NOT NULL DEFAULT now()
);

-- A session is a family of refresh tokens; only HMACs are kept.
CREATE TABLE sessions (
  id uuid PRIMARY KEY,
  user_id uuid NOT NULL REFERENCES global_users,
  tenant_id uuid REFERENCES tenant_registry ON DELETE CASCADE,
  created_at timestamptz NOT NULL DEFAULT now(),
  expires_at timestamptz NOT NULL,
  last_used_at timestamptz NOT NULL DEFAULT now(),
  ended_at timestamptz,
  ended_reason text,
  user_agent text
);
CREATE INDEX ON sessions (user_id);
CREATE INDEX ON sessions (tenant_id);

CREATE TABLE refresh_tokens (
  token_hmac bytea PRIMARY KEY,
  session_id uuid NOT NULL REFERENCES sessions ON DELETE CASCADE,
  issued_at timestamptz NOT NULL DEFAULT now(),
  rotated_at timestamptz
);
CREATE INDEX ON refresh_tokens (session_id);
