import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sql } from 'kysely';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { errors } from '../../src/errors/catalogue.ts';
import type { Around } from '../../src/provisioning/failpoints.ts';
import type { TenantRequest } from '../../src/provisioning/tenant-request.ts';
import { holdAt } from '../support/hold-at.ts';
import { type Bench, type BenchOptions, createProvisioningBench } from '../support/provisioning-bench.ts';
import { findInconsistencies } from '../support/sql-oracle.ts';

/** A second run of it would leave a second row. */
const seed = `
CREATE TABLE public.seeded (at timestamptz DEFAULT now(), tenant_id uuid, slug text, organization text,
  admin_id uuid, email text, hash text, who name DEFAULT current_user, login name DEFAULT session_user);
INSERT INTO public.seeded (tenant_id, slug, organization, admin_id, email, hash)
VALUES ({{tenant_id}}, {{slug}}, {{organization_name}}, {{admin_user_id}}, {{admin_email}}, {{admin_password_hash}});
INSERT INTO public.lead_sources (name) VALUES ('seed of ' || {{slug}});
`;
/** The same without DDL, whose second run would fail. */
const rowOnly = `INSERT INTO public.companies (name) VALUES ('seeded');`;

/** Of a table without a sequence, so that the database's fingerprint is what it was. */
const teamOnly = `INSERT INTO public.teams (name) VALUES ('seeded');`;

let folder: string;
let bench: Bench;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'seed-'));
});
afterAll(() => rm(folder, { recursive: true }));
afterEach(async () => {
  await bench.stop();
  const { server, registryName: registry, config } = bench;
  expect(await findInconsistencies(server, { registry, databasePrefix: config.TENANT_DB_PREFIX })).toEqual(
    [],
  );
});

async function start(script: string, options: BenchOptions = {}): Promise<Bench> {
  const path = join(folder, 'seed.sql');
  await writeFile(path, script);
  const environment = { WARM_POOL_SIZE: '0', ...options.environment, TENANT_SEED_SQL: path };
  bench = await createProvisioningBench({ ...options, environment });
  return bench;
}

const tenantRow = (id: string) =>
  bench.platform.registry
    .selectFrom('tenantRegistry')
    .selectAll()
    .where('id', '=', id)
    .executeTakeFirstOrThrow();

async function provision(name: string, more: Partial<TenantRequest> = {}) {
  const asked = await bench.request(name, more);
  const end = await bench.provisioning.waitForRun(asked.runId, 40_000);
  return { ...asked, end, tenant: await tenantRow(asked.tenantId) };
}

async function countCompanies(database: string | null): Promise<number> {
  const { rows } = await bench.runOn(
    database ?? '',
    `SELECT count(*)::int AS count FROM public.companies WHERE name = 'seeded'`,
  );
  return rows[0].count;
}

describe('a seed', () => {
  it('is run as the migrator, with what it asks for, and the tenant is what it left', async () => {
    await start(seed);
    const nasty = `'; DROP TABLE public.companies; -- \\' E'{{slug}}' $$ 株式会社`;
    const { tenant, end, user } = await provision(nasty, { slug: 'nasty' });
    expect(end).toMatchObject({ status: 'completed' });
    expect(end?.steps.map(({ name }) => name)).toContain('seed-database');
    const { rows } = await bench.runOn(tenant.databaseName ?? '', 'SELECT * FROM public.seeded');
    expect(rows).toMatchObject([
      {
        tenant_id: tenant.id,
        slug: 'nasty',
        organization: nasty,
        admin_id: user.id,
        email: user.email,
        hash: expect.stringMatching(/^\$argon2id\$/),
        who: expect.stringMatching(/_owner$/),
        login: tenant.migratorRole,
      },
    ]);
    expect(tenant.seededAt).toBeInstanceOf(Date);
    const copy = await bench.platform.registry
      .selectFrom('templateCopies')
      .select('fingerprint')
      .executeTakeFirstOrThrow();
    expect(tenant.schemaFingerprint).not.toEqual(copy.fingerprint);
  });

  it.each([
    [
      'without a message that could quote values',
      `SELECT 1;\n\nSELECT {{admin_password_hash}}::int;`,
      /line 3, statement 2 of 2: SQLSTATE 22P02\. Mend/,
    ],
    [
      'with the name that is not there',
      `SELECT 1;\nINSERT INTO nothing_here VALUES (1);`,
      /line 2, statement 2 of 2: SQLSTATE 42P01 \(relation "nothing_here" does not exist\)/,
    ],
    [
      'with the constraint',
      `INSERT INTO public.companies (name)\n VALUES (' ');`,
      /line 1, statement 1 of 1: SQLSTATE 23514, schema "public", table "companies", constraint/,
    ],
    [
      'with the line within a statement, behind a value',
      `SELECT {{organization_name}},\n FRM x FROM`,
      /line 2, statement 1 of 1: SQLSTATE 42601/,
    ],
    [
      'at its end',
      `CREATE TABLE p (id int PRIMARY KEY); CREATE TABLE c (id int REFERENCES p DEFERRABLE INITIALLY DEFERRED);\nINSERT INTO c VALUES (1);`,
      /at its end: SQLSTATE 23503/,
    ],
  ])('that fails ends the run at once, %s, and everything is taken back', async (_how, script, reason) => {
    await start(script);
    const { tenant, end, runId } = await provision('Wrong Seed');
    expect(end).toMatchObject({ status: 'failed', error: { code: 'seed_failed' } });
    expect(tenant).toMatchObject({ status: 'failed', databaseName: null, seedTransaction: null });
    expect(tenant.statusReason).toMatch(reason);
    expect(tenant.statusReason).not.toMatch(/argon2/);
    expect(bench.lines.join('')).not.toMatch(/argon2id/);
    const { attempts } = await bench.platform.registry
      .selectFrom('provisioningRuns')
      .select('attempts')
      .where('id', '=', runId)
      .executeTakeFirstOrThrow();
    expect(attempts).toBe(1);
  });

  it('cannot end its transaction through a procedure either', async () => {
    // A file cannot say it any more; a procedure of the schema is not allowed to either.
    await start(`CREATE PROCEDURE sneak() LANGUAGE plpgsql AS 'BEGIN COMMIT; END'; CALL sneak();`);
    const { tenant } = await provision('Sneaky');
    expect(tenant).toMatchObject({ status: 'failed', databaseName: null });
    expect(tenant.statusReason).toMatch(/SQLSTATE 2D000/);
  });
});

/** Loses the answer of an effect once, after something else was done. */
function losing(point: string, meanwhile: () => Promise<unknown> = async () => undefined): Around {
  let isLost = false;
  return async (name, effect) => {
    const result = await effect();
    if (name !== point || isLost) return result;
    isLost = true;
    await meanwhile();
    throw errors.serverUnreachable('test', 'the answer was lost');
  };
}

describe('a seed whose end is not known', () => {
  it.each(['seed: run', 'seed: commit', 'seed-database'])(
    'after %s is run once all the same',
    async (point) => {
      await start(rowOnly, { around: losing(point) });
      const { tenant, end } = await provision('Lost Answer');
      expect(end).toMatchObject({ status: 'completed' });
      expect(await countCompanies(tenant.databaseName)).toBe(1);
    },
  );

  it.each([
    ['of which the server has forgotten the number', `regexp_replace(seed_transaction, '[0-9]+$', '3')`],
    ['whose number has not been given out yet', `regexp_replace(seed_transaction, '[0-9]+$', '99999999999')`],
    ['of another server', `'1' || seed_transaction`],
    ['of another timeline', `regexp_replace(seed_transaction, '/[0-9A-F]{8}/', '/000000FF/')`],
  ])('a transaction %s: the database is made anew', async (_which, forged) => {
    const { around } = { around: losing('seed: commit', () => forge(forged)) };
    await start(rowOnly, { around });
    const { tenant, end } = await provision('Made Anew');
    expect(end).toMatchObject({ status: 'completed' });
    expect(await countCompanies(tenant.databaseName)).toBe(1);
    expect(bench.lines.join('')).toMatch(/seed_uncertain/);
  });

  const databaseName = async (): Promise<string> => {
    const { rows } = await bench.runOn(bench.registryName, 'SELECT database_name FROM tenant_registry');
    return rows[0].database_name;
  };
  const dropDatabase = async () =>
    bench.runOn('postgres', `DROP DATABASE "${await databaseName()}" WITH (FORCE)`);
  /** To a standby that had not yet heard of the seed. */
  const failOver = async () => {
    await bench.runOn(await databaseName(), 'DELETE FROM public.teams');
    await forge(`regexp_replace(seed_transaction, '/[0-9A-F]{8}/', '/000000FF/')`);
  };

  it.each([
    ['dropped', dropDatabase],
    ['lost in a failover', failOver],
  ])('is run again when the database was %s after it was told of', async (_which, lose) => {
    await start(teamOnly, { around: losing('seed-database', lose) });
    const { tenant, end } = await provision('Lost Seed');
    expect(end).toMatchObject({ status: 'completed' });
    const teams = `SELECT FROM public.teams WHERE name = 'seeded'`;
    expect((await bench.runOn(tenant.databaseName ?? '', teams)).rows).toHaveLength(1);
  });

  it('since TENANT_SEED_SQL is no longer set leaves nothing behind', async () => {
    const leaveSeed = async () => {
      const place = await bench.runOn(
        await databaseName(),
        `INSERT INTO public.companies (name) VALUES ('seeded')
         RETURNING concat_ws('/', (SELECT system_identifier FROM pg_control_system()),
           left(pg_walfile_name(pg_current_wal_lsn()), 8),
           (SELECT oid FROM pg_database WHERE datname = current_database()), pg_current_xact_id()) AS transaction`,
      );
      await forge(`'${place.rows[0].transaction}'`);
    };
    bench = await createProvisioningBench({ around: losing('verify-database', leaveSeed) });
    const { tenant, end } = await provision('No Longer Seeded');
    expect(end).toMatchObject({ status: 'completed' });
    expect(tenant).toMatchObject({ status: 'active', seedTransaction: null, seededAt: null });
    expect(await countCompanies(tenant.databaseName)).toBe(0);
  });

  async function forge(expression: string): Promise<void> {
    await sql`UPDATE tenant_registry SET seed_transaction = ${sql.raw(expression)}`.execute(
      bench.platform.registry,
    );
  }

  it('because its worker hangs before the commit: that session is ended, and it is run again', async () => {
    const hold = holdAt('seed: commit', { times: 1 });
    await start(rowOnly, { around: hold.around, deadlineMs: 8_000 });
    const { tenant, end } = await provision('Hanging');
    expect(end).toMatchObject({ status: 'completed' });
    hold.release();
    await expect.poll(() => hold.ends).toEqual(['rejected']);
    expect(await countCompanies(tenant.databaseName)).toBe(1);
  });
});
