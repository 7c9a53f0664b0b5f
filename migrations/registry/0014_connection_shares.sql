-- The processes that may open connections to tenants' databases. Each holds a shared advisory lock on its presence
-- key for as long as its session with the registry lives, so that a stopped process is told from a dead one.
CREATE TABLE processes (
  id uuid PRIMARY KEY,
  role text NOT NULL CHECK (role IN ('api', 'worker')),
  host text NOT NULL,
  -- As the database servers show it for the connections of this process.
  application_name text NOT NULL UNIQUE,
  presence_key bigint NOT NULL,
  -- Connections to the registry, which count where the registry is on a tenants' server.
  registry_connections integer NOT NULL CHECK (registry_connections >= 0),
  -- What it last said of its pools.
  stats jsonb NOT NULL DEFAULT '{}',
  started_at timestamptz NOT NULL DEFAULT now(),
  beat_at timestamptz NOT NULL DEFAULT now()
);

-- How many connections to tenants' databases a server may have, over all processes. Its row is locked by whoever
-- changes a share of it.
CREATE TABLE connection_budgets (
  server_id uuid PRIMARY KEY REFERENCES database_servers ON DELETE CASCADE,
  total integer NOT NULL CHECK (total >= 0),
  max_connections integer,
  -- What the total was worked out from, for people.
  explanation text NOT NULL DEFAULT '',
  looked_at timestamptz
);

-- Of a server's budget, what one process may use. The sum of allowances never exceeds the total by a raise: one is
-- raised only into what is free, and lowered only when the connections beyond it are closed.
CREATE TABLE connection_shares (
  server_id uuid NOT NULL REFERENCES connection_budgets ON DELETE CASCADE,
  process_id uuid NOT NULL REFERENCES processes ON DELETE CASCADE,
  allowance integer NOT NULL CHECK (allowance >= 0),
  demand integer NOT NULL CHECK (demand >= 0),
  -- Taken whatever the demand: what a worker needs for its checks.
  is_fixed boolean NOT NULL DEFAULT false,
  PRIMARY KEY (server_id, process_id)
);
CREATE INDEX connection_shares_process ON connection_shares (process_id);
