import { cancelStatement } from '../databases/cancel-statement.ts';
import type { ServerAddress } from '../databases/database-server.ts';
import { resetSession, settleSession } from '../databases/reset-session.ts';
import type { Return } from './lease.ts';
import type { TenantConnection } from './tenant-connection.ts';

/** How long a statement that nobody waits for may take to end before its socket is dropped. */
const settleTimeoutMs = 5_000;

/** Brings a returned connection to rest. @returns whether it may serve the next request. Never throws. */
export async function restoreConnection(
  connection: TenantConnection,
  how: Return,
  address: ServerAddress,
): Promise<boolean> {
  if (connection.isBroken) return false;
  const timer = setTimeout(() => connection.destroy(), settleTimeoutMs);
  try {
    return await bringToRest(connection, how, address);
  } finally {
    clearTimeout(timer);
  }
}

async function bringToRest({ client }: TenantConnection, how: Return, address: ServerAddress) {
  if (how === 'reuse') return true;
  if (how === 'reset') return resetSession(client);
  const settled = settleSession(client);
  if (how === 'cancel') await cancelStatement(client, address);
  await settled;
  return false;
}
