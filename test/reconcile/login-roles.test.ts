import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { failOnLeaks } from '../support/leaks.ts';
import { createReconcileBench, type MadeTenant, type ReconcileBench, summary } from './reconcile-bench.ts';

failOnLeaks();
let bench: ReconcileBench;
let spy: string;

beforeAll(async () => {
  bench = await createReconcileBench(2, 2);
  spy = `spy_${bench.installationId}`;
  await bench.onServer(`CREATE ROLE ${spy} LOGIN`);
}, 180_000);
afterAll(async () => {
  await bench.onServer(`DROP ROLE ${spy}`);
  await bench.stop();
});

const tenant = (at: number) => bench.tenants[at] as MadeTenant;

type Harm = { what: string; kind: string; role: 'migrator' | 'application'; plant: () => string };

describe('a role of a tenant is found from outside and brought back', () => {
  test.each<Harm>([
    {
      what: 'that does not have the rights of its group by itself',
      kind: 'role_misplaced',
      role: 'application',
      plant: () => `ALTER ROLE ${tenant(0).application} NOINHERIT`,
    },
    {
      what: 'that may let others into its group',
      kind: 'role_misplaced',
      role: 'migrator',
      plant: () => `GRANT tm_${bench.installationId}_owner TO ${tenant(0).migrator} WITH ADMIN OPTION`,
    },
    {
      what: 'that no longer acts as the owner',
      kind: 'role_misplaced',
      role: 'migrator',
      plant: () => `ALTER ROLE ${tenant(0).migrator} RESET role`,
    },
    {
      what: 'that acts as somebody else in one database',
      kind: 'role_misplaced',
      role: 'migrator',
      plant: () => `ALTER ROLE ${tenant(0).migrator} IN DATABASE ${tenant(0).database} SET role = 'none'`,
    },
    {
      what: 'that was granted to somebody',
      kind: 'role_shared',
      role: 'application',
      plant: () => `GRANT ${tenant(0).application} TO ${spy}`,
    },
  ])('$what', async ({ kind, role, plant }) => {
    await bench.onServer(plant());
    expect(summary((await bench.plan()).findings)).toEqual([`${kind} ${tenant(0)[role]}`]);
    const { repairs, findings } = await bench.apply('deep');
    expect(repairs).toMatchObject([{ actions: ['repair_roles'], outcome: 'done' }]);
    expect(findings).toEqual([]);
    const before = await bench.digest();
    expect((await bench.apply('deep')).repairs).toEqual([]);
    expect(await bench.digest()).toEqual(before);
  });
});

type Warm = { database: string; application: string };

test.each([
  [
    'another tenant’s role may enter',
    ({ database }: Warm) => `GRANT CONNECT ON DATABASE ${database} TO ${tenant(1).application}`,
  ],
  ['somebody may act as its role', ({ application }: Warm) => `GRANT ${application} TO ${spy}`],
])('a warm database is given to nobody when %s', async (_what, plant) => {
  const [warm] = await bench.ask<Warm>(`SELECT database_name AS database, application_role AS application
    FROM warm_databases WHERE status = 'ready' LIMIT 1`);
  if (warm === undefined) throw new Error('There is no warm database.');
  await bench.onServer(plant(warm));
  expect((await bench.tend()).repairs).toMatchObject([
    { subject: warm.database, actions: ['retire_warm'], outcome: 'done' },
  ]);
  expect((await bench.plan()).findings).toEqual([]);
});
