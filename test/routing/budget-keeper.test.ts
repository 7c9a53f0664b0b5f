import { randomUUID } from 'node:crypto';
import { pino } from 'pino';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { openServerSession } from '../../src/databases/server-session.ts';
import { readConnectionRights } from '../../src/registry/repositories/connection-shares.ts';
import { enterProcess, type NewProcess } from '../../src/registry/repositories/processes.ts';
import { createBudgetKeeper } from '../../src/routing/budget-keeper.ts';
import { budgetOf } from '../../src/routing/budget-total.ts';
import { failOnLeaks } from '../support/leaks.ts';
import { sharedPostgres } from '../support/shared-postgres.ts';
import { createTenantPlace, type TenantPlace } from '../support/tenant-database.ts';

failOnLeaks();

const room = {
  maxConnections: 100,
  reserved: 3,
  registryConnections: 33,
  workerSessions: 10,
  ceiling: undefined,
};

describe('what tenants may have of a server’s connections', () => {
  test('is what the others leave', () => {
    expect(budgetOf(room)).toEqual({
      total: 51,
      explanation:
        'max_connections 100 − 3 reserved − 33 to the registry − 10 of workers − 3 for people = 51',
      isClamped: false,
    });
  });

  test('is less where MAX_TOTAL_CONNECTIONS says so, and never more', () => {
    expect(budgetOf({ ...room, ceiling: 40 })).toMatchObject({ total: 40, isClamped: false });
    expect(budgetOf({ ...room, ceiling: 200 })).toMatchObject({ total: 51, isClamped: true });
  });

  test('is not nothing where there is no room: the server then refuses some, who wait', () => {
    expect(budgetOf({ ...room, maxConnections: 40 })).toMatchObject({ total: 2, isClamped: true });
  });
});

describe('a worker', () => {
  let place: TenantPlace;
  let worker: NewProcess;
  const warnings: string[] = [];
  const log = pino({ level: 'warn' }, { write: (line: string) => warnings.push(JSON.parse(line).msg) });

  beforeAll(async () => {
    place = await createTenantPlace();
  });
  beforeEach(async () => {
    await place.registry.database.deleteFrom('processes').execute();
    worker = newProcess('worker', 5);
    await enterProcess(place.registry.database, worker);
  });
  afterAll(() => place.drop());

  function newProcess(role: 'api' | 'worker', registryConnections: number): NewProcess {
    const id = randomUUID();
    return { id, role, host: 'here', applicationName: `tm-${id}`, presenceKey: '1', registryConnections };
  }

  function createKeeper(ceiling: number | undefined) {
    return createBudgetKeeper({
      registry: place.registry.database,
      withSession: async (_id, work) => {
        const { host, port, admin } = sharedPostgres();
        const server = { ...place.server, host, port, admin };
        const session = await openServerSession(server, {
          applicationName: 'test',
          statementTimeoutMs: 5_000,
        });
        return work(session).finally(session.close);
      },
      ceiling,
      worker: { processId: worker.id, sessions: 10, tenantConnections: 12 },
      log,
    });
  }

  const read = () => readConnectionRights(place.registry.database, place.server.id);

  test('works it out from the server, counts the registry that lives there, and keeps its own part', async () => {
    const keeper = createKeeper(undefined);
    await keeper.look();
    const before = await read();
    expect(before.explanation).toMatch(
      /^max_connections \d+ − \d+ reserved − 5 to the registry − 10 of workers/,
    );
    expect(before.allowances).toEqual(new Map([[worker.applicationName, 12]]));
    await enterProcess(place.registry.database, newProcess('api', 30));
    await keeper.look();
    expect((await read()).total).toBe((before.total ?? 0) - 30);
  });

  test('says once that MAX_TOTAL_CONNECTIONS is more than there is, with the sum and what to do', async () => {
    const keeper = createKeeper(100_000);
    await keeper.look();
    await keeper.look();
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toMatch(
      /max_connections \d+ − .* MAX_TOTAL_CONNECTIONS is 100000\. Raise max_connections/,
    );
  });
});
