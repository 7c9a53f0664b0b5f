import { quoteIdentifier } from '../../databases/quote.ts';
import { readServerCondition, type ServerCondition } from '../../databases/server-condition.ts';
import type { ServerFeatures } from '../../databases/server-features.ts';
import type { ServerSession } from '../../databases/server-session.ts';
import type { ConnectionRights } from '../../registry/repositories/connection-shares.ts';
import { type Check, ok, problem, warning } from './check.ts';

/** A restore takes a lock for each table in one transaction, and several go on beside each other. */
const fewestLockSlots = 6_400;
/** With fewer, most tenants wait for each other. */
const fewestForTenants = 10;

/** What the platform's login may do there, and what is not to be had without more. */
export function checkRights(subject: string, user: string, features: ServerFeatures): Check {
  const check = 'server.rights';
  if (features.isSuperuser) return ok({ check, subject, detail: `${user} is superuser.` });
  const role = quoteIdentifier(user);
  const missing = [
    features.canCreateDatabase
      ? undefined
      : { what: 'create databases', sql: `ALTER ROLE ${role} CREATEDB;` },
    features.canCreateRole ? undefined : { what: 'create roles', sql: `ALTER ROLE ${role} CREATEROLE;` },
    features.canSignalBackends
      ? undefined
      : { what: 'end sessions of others', sql: `GRANT pg_signal_backend TO ${role};` },
  ].filter((each) => each !== undefined);
  if (missing.length > 0) {
    const detail = `${user} may not ${missing.map(({ what }) => what).join(', nor ')}, so that tenants cannot be made or unmade.`;
    return problem({ check, subject, detail, remedy: missing.map(({ sql }) => sql).join(' ') });
  }
  const detail = `${user} is no superuser: temp_file_limit of tenants, the look at free disk space and templates with untrusted extensions are not to be had.`;
  const remedy =
    'On managed PostgreSQL that is how it is: set the capacity of the server in the registry. On a server of your own, use a superuser.';
  return warning({ check, subject, detail, remedy });
}

export async function checkCondition(
  session: ServerSession,
  subject: string,
  rights: ConnectionRights,
): Promise<Check[]> {
  const condition = await readServerCondition(session);
  return [
    checkDurability(subject, condition),
    checkRecovery(subject, condition),
    checkWatching(subject, condition),
    checkConnections(subject, condition, rights),
    checkLocks(subject, condition),
  ];
}

function checkDurability(subject: string, { fsync, fullPageWrites }: ServerCondition): Check {
  const check = 'server.durability';
  const off = [fsync ? [] : 'fsync', fullPageWrites ? [] : 'full_page_writes'].flat();
  if (off.length === 0) return ok({ check, subject, detail: 'What is committed is on disk.' });
  const isAre = off.length === 1 ? 'is' : 'are';
  return problem({
    check,
    subject,
    detail: `${off.join(' and ')} ${isAre} off: a crash of the machine may destroy every database of the server.`,
    remedy: `${off.map((name) => `ALTER SYSTEM SET ${name} = on;`).join(' ')} SELECT pg_reload_conf();`,
  });
}

function checkRecovery(subject: string, { recoverySync }: ServerCondition): Check {
  const check = 'server.recovery';
  if (recoverySync === 'syncfs') {
    return ok({ check, subject, detail: 'After a crash it starts in seconds, however many files it has.' });
  }
  const detail =
    'After a crash it syncs every file one by one before it starts: minutes with thousands of databases.';
  const remedy =
    recoverySync === undefined
      ? 'recovery_init_sync_method comes with PostgreSQL 14.'
      : "On Linux: ALTER SYSTEM SET recovery_init_sync_method = 'syncfs'; SELECT pg_reload_conf();";
  return warning({ check, subject, detail, remedy });
}

function checkWatching(subject: string, { watchesClients }: ServerCondition): Check {
  const check = 'server.client_check';
  if (watchesClients) {
    return ok({ check, subject, detail: 'It stops what a worker had asked for within 200 ms of its death.' });
  }
  const detail =
    'It does not notice that a worker died, and ends its statement first: what is taken over waits for that.';
  const remedy = 'client_connection_check_interval comes with PostgreSQL 14, on Linux and macOS.';
  return warning({ check, subject, detail, remedy });
}

function checkConnections(
  subject: string,
  { connections }: ServerCondition,
  rights: ConnectionRights,
): Check {
  const check = 'server.connections';
  const { max, reserved, used } = connections;
  const room = max - reserved;
  const inUse = `${used} of ${room} connections are in use`;
  const { total, explanation } = rights;
  if (total === null) {
    const remedy = 'A worker looks at each server when it starts, and every ten seconds.';
    return warning({
      check,
      subject,
      detail: `${inUse}; no worker has worked out yet what tenants may have.`,
      remedy,
    });
  }
  const detail = `${inUse}; tenants may have ${total} (${explanation}).`;
  if (total >= fewestForTenants) return ok({ check, subject, detail });
  const remedy = `Raise max_connections (${max}), or lower REGISTRY_DB_POOL_MAX or QUEUE_CONCURRENCY.`;
  return warning({ check, subject, detail, remedy });
}

function checkLocks(subject: string, { lockSlots }: ServerCondition): Check {
  const check = 'server.locks';
  const detail = `It has room for ${lockSlots} locks; one restore of a template takes one for each table and index.`;
  if (lockSlots >= fewestLockSlots) return ok({ check, subject, detail });
  const remedy =
    'Raise max_locks_per_transaction, and restart: with too few, “out of shared memory” hits all tenants.';
  return warning({ check, subject, detail, remedy });
}
