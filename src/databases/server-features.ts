import type pg from 'pg';

/** What this server and the platform's login on it can do. */
export type ServerFeatures = {
  /** As in `server_version_num`: 150018. */
  readonly versionNum: number;
  readonly major: number;
  readonly isSuperuser: boolean;
  readonly canCreateDatabase: boolean;
  readonly canCreateRole: boolean;
  /** May end sessions of roles that are not its own. */
  readonly canSignalBackends: boolean;
  /** CREATE DATABASE … STRATEGY, from 15 on. */
  readonly hasCreateStrategy: boolean;
  readonly maxConnections: number;
  readonly superuserReservedConnections: number;
  /** False where a pooler or proxy answers in the server's place: session locks may then protect nothing. */
  readonly isDirect: boolean;
};

type FeatureRow = Omit<ServerFeatures, 'major' | 'hasCreateStrategy' | 'isDirect'> & { backendPid: number };

const FEATURES = `
  SELECT current_setting('server_version_num')::int AS "versionNum",
         r.rolsuper AS "isSuperuser",
         r.rolsuper OR r.rolcreatedb AS "canCreateDatabase",
         r.rolsuper OR r.rolcreaterole AS "canCreateRole",
         pg_has_role(r.oid, 'pg_signal_backend', 'USAGE') AS "canSignalBackends",
         current_setting('max_connections')::int AS "maxConnections",
         current_setting('superuser_reserved_connections')::int AS "superuserReservedConnections",
         pg_backend_pid() AS "backendPid"
    FROM pg_roles r WHERE r.rolname = current_user`;

/** Detects, never assumes: managed servers differ from self-managed ones of the same version. */
export async function detectFeatures(client: pg.Client): Promise<ServerFeatures> {
  const [row] = (await client.query<FeatureRow>(FEATURES)).rows;
  if (row === undefined) throw new Error('The server does not list the role of its own session.');
  const { backendPid, ...found } = row;
  const major = Math.floor(found.versionNum / 10_000);
  // A direct connection is told its own process id; a pooler makes one up.
  const isDirect = announcedPid(client) === backendPid;
  return { ...found, major, hasCreateStrategy: major >= 15, isDirect };
}

function announcedPid(client: pg.Client): unknown {
  return 'processID' in client ? client.processID : undefined;
}
