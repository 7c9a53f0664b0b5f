import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { findFreePort } from '../../src/embedded/free-port.ts';
import { failOnLeaks } from '../support/leaks.ts';
import { startPgBouncer } from '../support/pgbouncer.ts';
import { type Program, startProgram } from '../support/programs.ts';
import { environmentOf } from '../support/provisioning-bench.ts';
import { sharedPostgres } from '../support/shared-postgres.ts';
import { createTestRegistry, type TestRegistry } from '../support/test-registry.ts';

failOnLeaks();

type PgBouncer = Awaited<ReturnType<typeof startPgBouncer>>;

let registry: TestRegistry;
let lenient: PgBouncer;
let strict: PgBouncer;

beforeAll(async () => {
  registry = await createTestRegistry();
  const server = sharedPostgres();
  lenient = await startPgBouncer({ server, mode: 'transaction', isLenient: true });
  strict = await startPgBouncer({ server, mode: 'transaction' });
});
afterAll(async () => {
  await lenient.stop();
  await strict.stop();
  await registry.drop();
});

async function refusalOf(program: Program, environment: Record<string, string>): Promise<string> {
  const running = startProgram(program, {
    ...environmentOf(sharedPostgres(), registry.login.database),
    PORT: String(await findFreePort()),
    METRICS_PORT: String(await findFreePort()),
    ...environment,
  });
  expect(await running.exited).toBe(1);
  return running.output();
}

const through = ({ port }: PgBouncer) => ({
  GLOBAL_DATABASE_URL: `postgresql://anybody@127.0.0.1:${port}/${registry.login.database}`,
});

describe('a pooler in transaction mode is refused at start', () => {
  test('before the registry', async () => {
    expect(await refusalOf('api', through(lenient))).toMatch(
      /What answers at GLOBAL_DATABASE_URL is a connection pooler, not PostgreSQL itself: it lends connections per transaction/,
    );
  });

  test('before the registry, with the settings that it refuses by itself', async () => {
    expect(await refusalOf('api', through(strict))).toMatch(
      /GLOBAL_DATABASE_URL is a connection pooler, .*unsupported startup parameter/,
    );
  });

  test('before the database server', async () => {
    expect(await refusalOf('worker', { POSTGRES_PORT: String(lenient.port) })).toMatch(
      /POSTGRES_HOST and POSTGRES_PORT is a connection pooler/,
    );
  });
});
