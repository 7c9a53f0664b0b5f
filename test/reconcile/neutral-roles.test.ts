import { afterAll, beforeAll, expect, it } from 'vitest';
import { failOnLeaks } from '../support/leaks.ts';
import { createReconcileBench, type ReconcileBench, summary } from './reconcile-bench.ts';

failOnLeaks();

let on: ReconcileBench;
let owner: string;
let application: string;

beforeAll(async () => {
  on = await createReconcileBench(1, 0);
  owner = `tm_${on.installationId}_owner`;
  application = `tm_${on.installationId}_app`;
});
afterAll(() => on.stop());

const attributes = ['SUPERUSER', 'CREATEROLE', 'CREATEDB', 'LOGIN', 'REPLICATION', 'BYPASSRLS'];
const given = [
  ...attributes.map((right) => ({ right, give: () => `ALTER ROLE "${owner}" ${right}`, role: () => owner })),
  {
    right: 'membership in "pg_execute_server_program"',
    give: () => `GRANT pg_execute_server_program TO "${application}"`,
    role: () => application,
  },
];

it.each(given)(
  'finds $right of a role that all tenants share, and leaves it to an operator',
  async (case_) => {
    const { right, give, role } = case_;
    expect((await on.plan()).findings).toEqual([]);
    await on.onServer(give());
    const { findings } = await on.plan();
    expect(summary(findings)).toEqual([`role_powerful ${role()}`]);
    const [finding] = findings;
    expect(finding).toMatchObject({ invariant: 'I3', detail: expect.stringContaining(`has ${right}.`) });
    expect(finding).not.toHaveProperty('repair');

    expect((await on.tend()).repairs).toEqual([]);
    expect(summary((await on.plan()).findings)).toEqual([`role_powerful ${role()}`]);

    const mend = finding?.detail.match(/take it away: (.*;)/)?.[1];
    await on.onServer(String(mend));
    expect((await on.plan()).findings).toEqual([]);
  },
);
