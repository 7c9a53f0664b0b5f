import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { loadConfig } from '../../src/config/load-config.ts';
import { registryConnection } from '../../src/config/registry-connection.ts';
import { applyRegistryMigrations, readMigrationStatus } from '../../src/main/apply-registry-migrations.ts';
import { createQueue } from '../../src/queue/create-queue.ts';
import { openRegistry } from '../../src/registry/registry-database.ts';
import { newPayload } from '../queue/backends.ts';
import { captureLog } from '../queue/captured-log.ts';
import { type Cut, startCuttingProxy } from '../queue/cutting-proxy.ts';
import { failOnLeaks } from '../support/leaks.ts';
import { environmentOf, runOn } from '../support/provisioning-bench.ts';
import { sharedPostgres } from '../support/shared-postgres.ts';

failOnLeaks();

const registryName = `registry_${randomUUID().slice(0, 8)}`;

beforeAll(async () => {
  await runOn(sharedPostgres(), 'postgres', `CREATE DATABASE ${registryName}`);
});

afterAll(async () => {
  await runOn(sharedPostgres(), 'postgres', `DROP DATABASE ${registryName} WITH (FORCE)`);
});

/** As a process does it that migrates at its start; the registry lies behind `host` and `port`. */
function migrateBehind(place: { host: string; port: number }): Promise<string[]> {
  const { config } = loadConfig(environmentOf({ ...sharedPostgres(), ...place }, registryName), 'worker');
  return applyRegistryMigrations(config);
}

async function countPending(): Promise<number> {
  const { poolMax, poolTimeoutMs, ...login } = registryConnection(urlOfRegistry());
  const options = { login, poolMax, poolTimeoutMs, applicationName: 'test' };
  const database = openRegistry({ ...options, onConnectionError: () => undefined });
  const status = await readMigrationStatus(database).finally(() => database.destroy());
  return status.filter(({ appliedAt }) => appliedAt === null).length;
}

const urlOfRegistry = () => environmentOf(sharedPostgres(), registryName).GLOBAL_DATABASE_URL ?? '';

async function canRing(): Promise<boolean> {
  const { poolMax, poolTimeoutMs, ...login } = registryConnection(urlOfRegistry());
  const queue = createQueue({ backend: { kind: 'postgres', login }, log: captureLog().log });
  const isHeard = await queue.ring('run-provisioning', newPayload(), 1).then(
    () => true,
    () => false,
  );
  await queue.close();
  return isHeard;
}

/** The next process to start looks at the registry alone: what else is needed must be there before. */
test('what a crash leaves of the migrations counts as pending until the queue has its tables as well', async () => {
  const cuts: Cut[] = [1, 2, 3].flatMap((connection) =>
    [6, 24].map((answer) => ({ connection, answer, moment: 'instead of it' }) as const),
  );
  let broken = 0;
  for (const cut of cuts) {
    await runOn(sharedPostgres(), 'postgres', `DROP DATABASE ${registryName} WITH (FORCE)`);
    await runOn(sharedPostgres(), 'postgres', `CREATE DATABASE ${registryName}`);
    const proxy = await startCuttingProxy(sharedPostgres(), cut);
    await migrateBehind(proxy).catch(() => undefined);
    if (proxy.hasCut()) broken += 1;
    await proxy.stop();
    const isLeftPending = (await countPending()) > 0;
    expect(isLeftPending || (await canRing()), JSON.stringify(cut)).toBe(true);
  }
  expect(broken).toBeGreaterThanOrEqual(3);
  await migrateBehind(sharedPostgres());
  expect([await countPending(), await canRing()]).toEqual([0, true]);
});
