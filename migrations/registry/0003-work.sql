-- What is under way, what must be told, what was done.

CREATE TYPE run_kind AS ENUM ('provision', 'purge');
CREATE TYPE run_status AS ENUM ('pending', 'processing', 'completed', 'failed', 'cancelled');
CREATE TYPE step_status AS ENUM ('running', 'done', 'failed', 'undone');

CREATE TABLE provisioning_runs (
  -- The provisioning_id of the API: random, since knowing it is the right to see the progress.
  id uuid PRIMARY KEY,
  tenant_id uuid NOT NULL REFERENCES tenant_registry ON DELETE CASCADE,
  generation integer NOT NULL,
  kind run_kind NOT NULL,
  status run_status NOT NULL DEFAULT 'pending',
  current_step text,
  progress integer NOT NULL DEFAULT 0 CHECK (progress BETWEEN 0 AND 100),
  -- Who works on it; a worker whose name is not here any more is fenced off.
  owner text,
  heartbeat_at timestamptz,
  attempts integer NOT NULL DEFAULT 0,
  -- How often the queue was told; part of the job's id, which BullMQ ignores when it still exists.
  rings integer NOT NULL DEFAULT 0,
  rung_at timestamptz,
  not_before timestamptz NOT NULL DEFAULT now(),
  needs_attention boolean NOT NULL DEFAULT false,
  error_code text,
  error_detail text,
  request_id text,
  created_at timestamptz NOT NULL DEFAULT now(),
  started_at timestamptz,
  finished_at timestamptz,
  UNIQUE (tenant_id, generation)
);
CREATE INDEX provisioning_runs_open ON provisioning_runs (not_before)
  WHERE status IN ('pending', 'processing');

CREATE TABLE provisioning_steps (
  run_id uuid NOT NULL REFERENCES provisioning_runs ON DELETE CASCADE,
  position integer NOT NULL,
  name text NOT NULL,
  status step_status NOT NULL,
  attempts integer NOT NULL DEFAULT 1,
  started_at timestamptz NOT NULL DEFAULT now(),
  finished_at timestamptz,
  error_code text,
  PRIMARY KEY (run_id, position)
);

CREATE TABLE outbox (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  event_id uuid NOT NULL UNIQUE,
  -- 'queue.<job>' is told to the queue; everything else is an event for those who subscribe.
  topic text NOT NULL,
  payload jsonb NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  attempts integer NOT NULL DEFAULT 0,
  not_before timestamptz NOT NULL DEFAULT now(),
  delivered_at timestamptz,
  last_error text
);
CREATE INDEX outbox_due ON outbox (not_before, id) WHERE delivered_at IS NULL;

CREATE TABLE idempotency_keys (
  scope text NOT NULL,
  key text NOT NULL CHECK (length(key) BETWEEN 1 AND 255),
  request_hmac bytea NOT NULL,
  -- Whoever answers this request renews the lease; when it ends unanswered, a twin takes over.
  owner uuid NOT NULL,
  leased_until timestamptz NOT NULL,
  -- What the request made, written in the transaction that made it.
  resource_id uuid,
  sealed_answer text,
  created_at timestamptz NOT NULL DEFAULT now(),
  expires_at timestamptz NOT NULL,
  PRIMARY KEY (scope, key)
);
CREATE INDEX ON idempotency_keys (expires_at);

CREATE TABLE audit_log (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  at timestamptz NOT NULL DEFAULT now(),
  actor_kind text NOT NULL CHECK (actor_kind IN ('system', 'operator', 'user', 'anonymous')),
  actor_id text,
  action text NOT NULL,
  tenant_id uuid,
  before jsonb,
  after jsonb,
  request_id text
);
CREATE INDEX ON audit_log (tenant_id, id DESC);

CREATE FUNCTION refuse_audit_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'audit_log is append-only' USING ERRCODE = 'insufficient_privilege';
END
$$;
CREATE TRIGGER audit_log_append_only BEFORE UPDATE OR DELETE ON audit_log
  FOR EACH ROW EXECUTE FUNCTION refuse_audit_change();
CREATE TRIGGER audit_log_no_truncate BEFORE TRUNCATE ON audit_log
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_audit_change();
