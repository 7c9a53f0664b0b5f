import { setTimeout as delay } from 'node:timers/promises';
import { errors } from '../errors/catalogue.ts';
import { quoteIdentifier } from './quote.ts';
import { retryConcurrentUpdate } from './retry-concurrent-update.ts';
import type { ServerSession } from './server-session.ts';

const POLL_MS = 25;
/** Backends end within milliseconds unless they hang in the kernel. */
const END_TIMEOUT_MS = 5_000;
/** A login that was let in before the door closed shows itself as a session within this time. */
const STRAGGLER_LOOKS = 2;

/** Keeps everybody out, superusers too, and ends the sessions there are. `sealDatabase` opens it again. */
export async function closeDatabase(session: ServerSession, database: string): Promise<void> {
  await forbidConnections(session, database);
  await endSessions(session, database);
}

/** Keeps new connections out. Existing ones stay: neither this nor REVOKE CONNECT ends them. */
export async function forbidConnections(session: ServerSession, database: string): Promise<void> {
  const statement = `ALTER DATABASE ${quoteIdentifier(database)} ALLOW_CONNECTIONS false`;
  await retryConcurrentUpdate(() => session.run(statement));
}

/** Takes back what `forbidConnections` did; rights are as they were. */
export async function allowConnections(session: ServerSession, database: string): Promise<void> {
  const statement = `ALTER DATABASE ${quoteIdentifier(database)} ALLOW_CONNECTIONS true`;
  await retryConcurrentUpdate(() => session.run(statement));
}

async function endSessions(session: ServerSession, database: string): Promise<void> {
  const deadline = Date.now() + END_TIMEOUT_MS;
  for (let emptyLooks = 0; ; await delay(POLL_MS)) {
    const ended = await session.rows(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = $1 AND usesysid IS NOT NULL AND pid <> pg_backend_pid()`,
      [database],
    );
    emptyLooks = ended.length === 0 ? emptyLooks + 1 : 0;
    if (emptyLooks === STRAGGLER_LOOKS) return;
    if (Date.now() > deadline) throw errors.serverBusy(`sessions of the database "${database}" do not end.`);
  }
}
