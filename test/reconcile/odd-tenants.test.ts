import { afterAll, beforeAll, expect, test } from 'vitest';
import { failOnLeaks } from '../support/leaks.ts';
import { createReconcileBench, type MadeTenant, type ReconcileBench, summary } from './reconcile-bench.ts';

failOnLeaks();
let bench: ReconcileBench;

beforeAll(async () => {
  bench = await createReconcileBench(3, 0);
}, 180_000);
afterAll(() => bench.stop());

const tenant = (at: number) => bench.tenants[at] as MadeTenant;
const breakLanguage = (from: string, to: string) =>
  bench.onServer(
    `UPDATE pg_proc SET prolang = ${to} WHERE prolang = ${from} AND pronamespace = 'public'::regnamespace`,
    tenant(0).database,
  );

test('one tenant that nobody can look at keeps no other finding back', async () => {
  const plpgsql = `(SELECT oid FROM pg_language WHERE lanname = 'plpgsql')`;
  await bench.onServer(
    `CREATE FUNCTION public.odd() RETURNS void LANGUAGE plpgsql AS 'BEGIN END'`,
    tenant(0).database,
  );
  await breakLanguage(plpgsql, '99999');
  const [row] = await bench.ask<{ sealed: string }>(
    `SELECT sealed_migrator_password AS sealed FROM tenant_registry WHERE id = '${tenant(1).id}'`,
  );
  const seal = (sealed = '') =>
    bench.ask(
      `UPDATE tenant_registry SET sealed_migrator_password = '${sealed}' WHERE id = '${tenant(1).id}'`,
    );
  await seal('garbage');
  await bench.onServer(`ALTER ROLE ${tenant(2).migrator} PASSWORD 'another'`);

  const { findings, unchecked } = await bench.plan('deep');
  expect(unchecked).toEqual([
    { subject: tenant(0).slug, reason: expect.stringContaining('cache lookup failed for language 99999') },
  ]);
  expect(summary(findings)).toEqual(
    [`password_refused ${tenant(2).database}`, `password_unreadable ${tenant(1).database}`].sort(),
  );
  const applied = await bench.apply('deep');
  expect(applied.repairs).toMatchObject([{ subject: tenant(2).database, outcome: 'done' }]);
  expect(summary(applied.findings)).toEqual([`password_unreadable ${tenant(1).database}`]);

  await seal(row?.sealed);
  await breakLanguage('99999', plpgsql);
  await bench.onServer('DROP FUNCTION public.odd()', tenant(0).database);
  expect(await bench.plan('deep')).toMatchObject({ findings: [], unchecked: [] });
});
