import { cancelStatement } from '../databases/cancel-statement.ts';
import type { ServerAddress } from '../databases/database-server.ts';
import { resetSession, settleSession } from '../databases/reset-session.ts';
import type { Return } from './lease.ts';
import { isSettledWithin } from './settled-within.ts';
import type { TenantConnection } from './tenant-connection.ts';

/** How long what was sent and not waited for may go on, when its user did not ask for its end. */
const patienceMs = 5_000;
/** A cancellation ends one statement; those behind it need their own. */
const cancelAgainMs = 50;
/** Enough for a hundred statements; what does not heed this loses its socket. */
const forceMs = 3_000;

/** Brings a returned connection to rest. @returns whether it may serve the next request. Never throws. */
export async function restoreConnection(
  connection: TenantConnection,
  how: Exclude<Return, 'reuse'>,
  address: ServerAddress,
): Promise<boolean> {
  if (connection.isBroken) return false;
  if (how === 'reset') {
    const resetting = resetSession(connection.client);
    if (await isSettledWithin(resetting, patienceMs)) return resetting;
  }
  if (connection.isBusy) await endStatements(connection, address);
  return false;
}

/**
 * Ends what runs and what waits behind it, by force in the end. A socket that is dropped at once does not end
 * its statement, and a backend that still works is one more than the budget knows of.
 */
export async function endStatements(connection: TenantConnection, address: ServerAddress): Promise<void> {
  const deadline = performance.now() + forceMs;
  const ended = settleSession(connection.client);
  do {
    await cancelStatement(connection.client, address);
    if (await isSettledWithin(ended, cancelAgainMs)) return;
  } while (performance.now() < deadline);
  connection.destroy();
}
