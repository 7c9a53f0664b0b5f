import { existsSync } from 'node:fs';
import { chmod } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { newNamePart } from '../../src/databases/database-name.ts';
import { fingerprintSource } from '../../src/databases/source-inspection.ts';
import { failOnLeaks } from '../support/leaks.ts';
import { openTemplatePlace, type TemplatePlace } from './template-place.ts';

failOnLeaks();

let on: TemplatePlace;
/** A file that only the server's own account can have made, in a read-only transaction too. */
let proof: string;
let author: { user: string; password: string };

beforeAll(async () => {
  on = await openTemplatePlace();
  await chmod(on.folder, 0o777);
});
beforeEach(async () => {
  const part = newNamePart();
  proof = join(on.folder, part);
  author = { user: `author_${part}`, password: 'x' };
  await on.session.run(`CREATE ROLE ${author.user} LOGIN PASSWORD 'x'`);
});
afterAll(() => on.close());

/** PostgreSQL believes whoever says that a function is IMMUTABLE. */
const grab = () => `
  CREATE FUNCTION public.grab_now() RETURNS void LANGUAGE plpgsql VOLATILE AS $$
  BEGIN EXECUTE $q$COPY (SELECT) TO PROGRAM 'touch ${proof}'$q$; EXCEPTION WHEN insufficient_privilege THEN NULL; END $$;
  CREATE FUNCTION public.grab() RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$
  BEGIN PERFORM public.grab_now(); RETURN 1; END $$;`;

async function makeSource(more = ''): Promise<string> {
  const source = await on.makeSource(`GRANT CREATE ON SCHEMA public TO ${author.user}`);
  await on.query(
    source,
    `${grab()} CREATE TABLE public.plans (id int); INSERT INTO public.plans VALUES (1); ${more}`,
    author,
  );
  return source;
}

const look = (source: string) =>
  fingerprintSource(on.server, source, { dataTables: ['plans'], signal: AbortSignal.timeout(30_000) });

/** Until the platform waits for a lock that the author holds. */
async function untilWaiting(source: string): Promise<void> {
  await expect
    .poll(
      () =>
        on.session.rows(
          `SELECT FROM pg_stat_activity WHERE datname = $1 AND wait_event_type = 'Lock'
              AND application_name = 'tenant-manager templates'`,
          [source],
        ),
      { timeout: 10_000, interval: 20 },
    )
    .toHaveLength(1);
}

describe('the author of a source, when the platform looks at it', () => {
  it('gains nothing by a view in the place of a table whose rows are carried', async () => {
    const source = await makeSource();
    const client = await on.connect(source, author);
    try {
      await client.query(
        'BEGIN; ALTER TABLE public.plans RENAME TO hidden; CREATE VIEW public.plans AS SELECT public.grab() AS id',
      );
      const looking = look(source).then(
        () => 'seen',
        (error: { code?: string }) => error.code,
      );
      await untilWaiting(source);
      await client.query('COMMIT');
      expect(await looking).toBe('source_database_changing');
    } finally {
      await client.end();
    }
    expect(existsSync(proof)).toBe(false);
  });

  const planned = [
    { what: 'an index predicate', sql: 'CREATE INDEX i ON public.plans (id) WHERE public.grab() = 1' },
    { what: 'an index expression', sql: 'CREATE INDEX i ON public.plans ((public.grab()))' },
    { what: 'extended statistics', sql: 'CREATE STATISTICS s ON id, (public.grab() + id) FROM public.plans' },
  ];
  it.each(planned)(
    'gains nothing by $what, which the planner of a superuser’s SELECT runs',
    async ({ sql }) => {
      const source = await makeSource(sql);
      await look(source);
      expect(existsSync(proof)).toBe(false);
      await on.query(source, 'SELECT FROM ONLY public.plans');
      expect(existsSync(proof)).toBe(true);
    },
  );

  it('gains nothing by a partition that is a foreign table, and none is read', async () => {
    const source = await makeSource();
    await on.query(
      source,
      `CREATE EXTENSION postgres_fdw; CREATE SERVER s FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '127.0.0.1', port '1');
       CREATE TABLE public.parts (id int) PARTITION BY LIST (id);
       CREATE TABLE public.here PARTITION OF public.parts FOR VALUES IN (1);
       CREATE FOREIGN TABLE public.away PARTITION OF public.parts FOR VALUES IN (2) SERVER s`,
    );
    const options = { dataTables: ['parts'], signal: AbortSignal.timeout(30_000) };
    const before = await fingerprintSource(on.server, source, options);
    await on.query(source, 'INSERT INTO public.parts VALUES (1)');
    expect(await fingerprintSource(on.server, source, options)).not.toBe(before);
  });
});

describe('a source in which somebody holds a lock', () => {
  it('is given up after some seconds with what is in the way', async () => {
    const source = await makeSource();
    const client = await on.connect(source, author);
    try {
      await client.query('BEGIN; LOCK TABLE public.plans');
      await expect(look(source)).rejects.toMatchObject({
        code: 'database_server_busy',
        message: expect.stringContaining(`a lock in the source database "${source}"`),
      });
    } finally {
      await client.end();
    }
    await look(source);
  });

  it('keeps no session waiting for the lock when the look is called off', async () => {
    const source = await makeSource();
    const client = await on.connect(source, author);
    const aborting = new AbortController();
    try {
      await client.query('BEGIN; LOCK TABLE public.plans');
      const options = { dataTables: ['plans'], signal: aborting.signal };
      const looking = fingerprintSource(on.server, source, options).catch((error: unknown) => error);
      await untilWaiting(source);
      aborting.abort(new Error('called off'));
      expect(await looking).toMatchObject({ message: 'called off' });
      await expect
        .poll(
          () =>
            on.session.rows(
              `SELECT FROM pg_stat_activity WHERE datname = $1 AND application_name = 'tenant-manager templates'`,
              [source],
            ),
          { timeout: 5_000, interval: 50 },
        )
        .toEqual([]);
    } finally {
      await client.end();
    }
  });
});

describe('the digest of carried rows', () => {
  it('depends on each row and how often it is there, and not on their order', async () => {
    const source = await makeSource();
    const seen = new Map<string, string>();
    const steps = {
      one: 'SELECT 1',
      unchanged: 'CREATE TABLE public.other (); DROP TABLE public.other',
      two: 'INSERT INTO public.plans VALUES (2)',
      reversed: 'DELETE FROM public.plans; INSERT INTO public.plans VALUES (2), (1)',
      twice: 'INSERT INTO public.plans VALUES (2)',
      'three times': 'INSERT INTO public.plans VALUES (2)',
      'with null': 'INSERT INTO public.plans VALUES (NULL)',
    };
    for (const [step, sql] of Object.entries(steps)) {
      await on.query(source, sql);
      seen.set(step, await look(source));
    }
    expect(seen.get('unchanged')).toBe(seen.get('one'));
    expect(seen.get('reversed')).toBe(seen.get('two'));
    expect(new Set(seen.values()).size).toBe(5);
  });
});
