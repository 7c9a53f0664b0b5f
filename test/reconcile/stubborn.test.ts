import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { failOnLeaks } from '../support/leaks.ts';
import { createReconcileBench, type MadeTenant, type ReconcileBench } from './reconcile-bench.ts';

failOnLeaks();
let bench: ReconcileBench;
let guest: string;
let reader: string;

beforeAll(async () => {
  bench = await createReconcileBench(2, 0);
  [guest, reader] = ['guest', 'reader'].map((name) => `${name}_${bench.installationId}`) as [string, string];
  await bench.onServer(`CREATE ROLE ${guest} LOGIN; CREATE ROLE ${reader} LOGIN`);
}, 180_000);
afterAll(async () => {
  await bench.onServer(`DROP ROLE ${guest}, ${reader}`);
  await bench.stop();
});

const tenant = (at: number) => bench.tenants[at] as MadeTenant;
const rightsOf = async (database: string) =>
  (
    await bench.onServer(`SELECT coalesce(nullif(a.grantee, 0)::regrole::text, 'PUBLIC') || ' ' || a.privilege_type ||
        CASE WHEN a.is_grantable THEN ' *' ELSE '' END AS said
      FROM pg_database d, aclexplode(d.datacl) a WHERE d.datname = '${database}' ORDER BY 1`)
  ).rows.map(({ said }) => said);

describe('rights that somebody gave by a grant option', () => {
  let before: unknown;
  beforeAll(async () => {
    before = await rightsOf(tenant(0).database);
  });
  beforeEach(async () => {
    const { database } = tenant(0);
    await bench.onServer(`GRANT CONNECT ON DATABASE ${database} TO ${guest} WITH GRANT OPTION`);
    await bench.onServer(
      `SET ROLE ${guest}; GRANT CONNECT ON DATABASE ${database} TO ${reader} WITH GRANT OPTION`,
    );
  });

  test.each(['another tenant', 'PUBLIC'])('are taken back, and only they: %s', async (whom) => {
    const { database } = tenant(0);
    const to = whom === 'PUBLIC' ? whom : tenant(1).application;
    await bench.onServer(`SET ROLE ${reader}; GRANT CONNECT ON DATABASE ${database} TO ${to}`);
    const { repairs, findings } = await bench.apply();
    expect(repairs).toMatchObject([{ outcome: 'done', actions: [whom === 'PUBLIC' ? 'seal' : 'reclaim'] }]);
    expect(findings).toEqual([]);
    expect((await bench.apply()).repairs).toEqual([]);
    // Whom an operator let in stays in, and lets nobody else in any more.
    await expectRights([`${guest} CONNECT`, `${reader} CONNECT`]);
    await bench.onServer(`REVOKE ALL ON DATABASE ${database} FROM ${guest}, ${reader}`);
    await expectRights([]);
  });

  async function expectRights(more: string[]) {
    expect(await rightsOf(tenant(0).database)).toEqual([...(before as string[]), ...more].sort());
  }
});

test('a password whose time is over is found from outside, and is good again', async () => {
  const { application } = tenant(0);
  await bench.onServer(`ALTER ROLE ${application} VALID UNTIL '2000-01-01'`);
  expect((await bench.plan()).findings).toMatchObject([{ kind: 'role_shut_out', subject: application }]);
  const { repairs, findings } = await bench.apply('deep');
  expect(repairs).toMatchObject([{ outcome: 'done', actions: ['repair_roles'] }]);
  expect(findings).toEqual([]);
  expect((await bench.apply('deep')).repairs).toEqual([]);
});

describe('what cannot be mended', () => {
  const countTold = () => bench.lines.filter((line) => line.includes('could not be mended')).length;
  const countAudited = async () =>
    (await bench.ask(`SELECT FROM audit_log WHERE action = 'reconcile.repaired'`)).length;

  /** Three looks: the first tries it, and the others leave it alone. */
  async function expectOneTry(detail: string) {
    const [told, audited] = [countTold(), await countAudited()];
    expect((await bench.tend()).repairs).toMatchObject([
      { outcome: 'failed', detail: expect.stringContaining(detail) },
    ]);
    for (let look = 0; look < 2; look += 1) {
      expect((await bench.tend()).repairs).toMatchObject([
        { outcome: 'held', detail: expect.stringContaining(detail) },
      ]);
    }
    expect([countTold() - told, (await countAudited()) - audited]).toEqual([1, 0]);
  }

  test('is told once and tried less and less often: a role on which something depends', async () => {
    const role = `a_${bench.installationId}_stays`;
    await bench.onServer(`CREATE ROLE ${role}; CREATE TABLE public.kept (id int);
      ALTER TABLE public.kept OWNER TO ${role}`);
    await expectOneTry(`A role cannot be dropped: role "${role}"`);
    expect(bench.lines.at(-1)).not.toContain('stack');
    await bench.onServer('DROP TABLE public.kept');
    expect((await bench.apply()).repairs).toMatchObject([{ subject: role, outcome: 'done' }]);
  });

  test('is not called done: a repair that changes nothing', async () => {
    await bench.ask(
      `CREATE FUNCTION public.swallow() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'`,
    );
    await bench.ask(`CREATE TRIGGER swallow BEFORE INSERT ON outbox FOR EACH ROW
      WHEN (NEW.topic = 'event.tenant.activated') EXECUTE FUNCTION public.swallow()`);
    await bench.ask(`DELETE FROM outbox WHERE topic = 'event.tenant.activated'
      AND payload ->> 'tenant_id' = '${tenant(0).id}'`);
    await expectOneTry('It was done, and has not helped');
    await bench.ask('DROP FUNCTION public.swallow CASCADE');
    expect((await bench.apply()).repairs).toMatchObject([{ actions: ['tell_event'], outcome: 'done' }]);
  });
});
