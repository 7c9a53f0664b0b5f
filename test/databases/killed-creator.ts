/**
 * A worker that is about to be killed: takes the tenant's lock and starts CREATE DATABASE on the same session.
 * Reads its orders from standard input, so that the login is in no argument list.
 */
import { createClosedDatabase } from '../../src/databases/create-database.ts';
import type { DatabaseServer } from '../../src/databases/database-server.ts';
import { openServerSession } from '../../src/databases/server-session.ts';

type Orders = { server: DatabaseServer; database: string; template: string; isWatched: boolean };

const chunks: Buffer[] = [];
for await (const chunk of process.stdin) chunks.push(chunk);
const orders: Orders = JSON.parse(Buffer.concat(chunks).toString('utf8'));

const session = await openServerSession(orders.server, {
  applicationName: 'killed creator',
  statementTimeoutMs: 60_000,
});
// What a server before 14 does: it finishes the statement although nobody waits for it.
if (!orders.isWatched) await session.run("SET client_connection_check_interval = '0'");
await session.lock(orders.database, 10_000);
await createClosedDatabase(session, { database: orders.database, template: orders.template });
