import { access, mkdtemp, readdir, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { findPgTools } from '../../src/databases/pg-tools.ts';
import type { PgTools } from '../../src/databases/pg-tools-contract.ts';
import { discardTemplate, dropTemplate } from '../../src/databases/template-database.ts';
import { failOnLeaks } from '../support/leaks.ts';
import { findTestTools, openTemplatePlace, type TemplatePlace } from './template-place.ts';

failOnLeaks();

const tools = await findTestTools();
let on: TemplatePlace;
let names: ReturnType<TemplatePlace['newTemplateNames']>;
let source: string;

beforeAll(async () => {
  // A temporary folder of its own: other files make and remove theirs meanwhile.
  process.env.TMPDIR = await mkdtemp(join(tmpdir(), 'tm-failures-'));
  on = await openTemplatePlace();
  source = await on.makeSource('CREATE TABLE a (id int); CREATE TABLE b (id serial, name text)');
});
afterAll(() => on.close());
afterEach(async () => {
  const left = await on.session.rows(`SELECT datname FROM pg_database WHERE datistemplate AND datname = $1`, [
    names.template,
  ]);
  expect(left).toEqual([]);
});

const build = (name: string, using: PgTools, more: { signal?: AbortSignal; dataTables?: string[] } = {}) => {
  names = on.newTemplateNames();
  return on.build({ kind: 'database', name, tools: using }, { names, ...more });
};

/** The folders in which archives and passwords lie, of this process or any other. */
const privateFolders = async () =>
  (await readdir(tmpdir())).filter((name) => /^tenant-manager-[0-9a-f]{8}-/.test(name));

describe.skipIf(tools === null)('a template that cannot be built', () => {
  const real = () => {
    if (tools === null) throw new Error('There are no tools.');
    return tools;
  };
  const withPgDump = async (script: string): Promise<PgTools> => {
    const version = `[ "$1" = --version ] && { echo "pg_dump (PostgreSQL) ${real().major}.1"; exit; }`;
    const pgDump = await on.makeShim('pg_dump', `${version}\n${script}`);
    return findPgTools({ pgDump, serverMajor: on.major, searchPath: process.env.PATH ?? '' });
  };
  /** The file that the shim was told to write. */
  const OUTPUT = `for a; do case "$a" in --file=*) out="\${a#--file=}";; esac; done`;

  it('says that the source is missing', async () => {
    await expect(build('src_that_is_not_there', real())).rejects.toMatchObject({
      code: 'source_database_missing',
      retry: 'later',
      message: expect.stringContaining('src_that_is_not_there'),
    });
    expect(await on.listObjects(names)).toEqual([]);
  });

  it('says that the source is empty', async () => {
    const empty = await on.makeSource('CREATE VIEW v AS SELECT 1; CREATE EXTENSION hstore');
    await expect(build(empty, real())).rejects.toMatchObject({
      code: 'source_database_empty',
      retry: 'later',
    });
    expect(await on.listObjects(names)).toEqual([]);
  });

  it('names the data table that the source does not have', async () => {
    await expect(build(source, real(), { dataTables: ['a', 'public.nowhere'] })).rejects.toMatchObject({
      code: 'configuration_invalid',
      message: expect.stringMatching(/SOURCE_DATA_TABLES.*public\.nowhere/),
    });
  });

  it('gives pg_dump’s own words when it fails halfway', async () => {
    const failing = await withPgDump(
      `${OUTPUT}; "${real().where}" "$@" && head -c 700 "$out" > "$out.half" && mv "$out.half" "$out"
       echo 'pg_dump: error: server closed the connection unexpectedly' >&2; exit 1`,
    );
    await expect(build(source, failing)).rejects.toMatchObject({
      code: 'pg_dump_failed',
      message: expect.stringContaining('server closed the connection unexpectedly'),
    });
    expect(await on.listObjects(names)).toEqual([]);
  });

  it.each([0, 1, 50, 99])(
    'notices a dump that ends after %i percent though pg_dump exits with 0',
    async (percent) => {
      const short = await withPgDump(
        `${OUTPUT}; "${real().where}" "$@" && head -c $(($(wc -c < "$out") * ${percent} / 100)) "$out" > "$out.half"
       mv "$out.half" "$out"`,
      );
      await expect(build(source, short)).rejects.toMatchObject({ code: 'pg_dump_failed' });
      expect(await on.listObjects(names)).toEqual([]);
    },
  );

  it('notices that rows are cut off', async () => {
    const rich = await on.makeSource(
      'CREATE TABLE t AS SELECT i, md5(i::text) FROM generate_series(1, 20000) i',
    );
    const short = await withPgDump(
      `${OUTPUT}; "${real().where}" "$@"; case "$*" in *--data-only*)
         head -c $(($(wc -c < "$out") / 2)) "$out" > "$out.half"; mv "$out.half" "$out";; esac`,
    );
    await expect(build(rich, short, { dataTables: ['t'] })).rejects.toMatchObject({
      code: 'template_restore_failed',
    });
    expect(await on.listObjects(names)).toEqual([]);
  });

  it('gives the server’s words when the restore fails', async () => {
    const broken = await on.makeSource(
      `CREATE SCHEMA hidden; CREATE FUNCTION hidden.f(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1';
       CREATE FUNCTION g(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN f($1); END';
       SET search_path = public, hidden; CREATE TABLE t (id int CHECK (g(id) > 0)); INSERT INTO t VALUES (1)`,
    );
    // A row and no materialized view: from 17 on the source could not have made one either.
    await expect(build(broken, real(), { dataTables: ['t'] })).rejects.toMatchObject({
      code: 'template_restore_failed',
      message: expect.stringContaining('function f(integer) does not exist'),
    });
    expect(await on.listObjects(names)).toEqual([]);
  });

  it('dumps again while the source changes, and takes what it then is', async () => {
    const changing = await on.makeSource('CREATE TABLE t (id int)');
    const port = `-h ${on.server.host} -p ${on.server.port} -U ${on.server.admin.user}`;
    const psql = join(dirname(real().where), 'psql');
    const once = await withPgDump(
      `"${real().where}" "$@"; code=$?
       [ -e "${on.folder}/changed" ] || "${psql}" -qw ${port} -d ${changing} -c 'CREATE TABLE later (id int)'
       touch "${on.folder}/changed"; exit $code`,
    );
    const built = await build(changing, once);
    expect(built.tables).toBe(2);
    await dropTemplate(on.session, names.template);
  });

  it('dumps again when the source changes while pg_dump is at work', async () => {
    const changing = await on.makeSource('CREATE TABLE a (id int); CREATE TABLE z (id int)');
    const [attempts, ready, go] = ['attempts', 'ready', 'go'].map((name) =>
      join(on.folder, `mid-dump-${name}`),
    );
    const held = await withPgDump(
      `echo x >> "${attempts}"; touch "${ready}"; while [ ! -e "${go}" ]; do sleep 0.05; done; exec "${real().where}" "$@"`,
    );
    const building = build(changing, held);
    await vi.waitFor(() => access(ready ?? ''), { timeout: 15_000 });
    // The lock makes pg_dump wait behind a change that is made but not committed yet.
    const other = await on.connect(changing);
    await other.query("BEGIN; ALTER TABLE z ADD COLUMN later text DEFAULT 'x'; CREATE TABLE new (id int)");
    await writeFile(go ?? '', '');
    await vi.waitFor(
      async () => {
        const waiting = await on.session.rows(
          `SELECT FROM pg_stat_activity WHERE datname = $1 AND wait_event_type = 'Lock' AND query LIKE 'LOCK TABLE%'`,
          [changing],
        );
        expect(waiting).toHaveLength(1);
      },
      { timeout: 15_000 },
    );
    await other.query('COMMIT').finally(() => other.end());
    const built = await building;
    const application = await on.asApplication(await on.makeTenant(names.template));
    const { rows } = await application
      .query(
        "SELECT to_regclass('public.new') IS NOT NULL AS new, (SELECT count(later) FROM z)::int AS later",
      )
      .finally(() => application.end());
    expect({ rows, tables: built.tables }).toEqual({ rows: [{ new: true, later: 0 }], tables: 3 });
    expect(await readFile(attempts ?? '', 'utf8')).toBe('x\nx\n');
    await dropTemplate(on.session, names.template);
  });

  it('gives up when the source never stands still', async () => {
    const restless = await on.makeSource('CREATE TABLE t (id int)');
    const port = `-h ${on.server.host} -p ${on.server.port} -U ${on.server.admin.user}`;
    const psql = join(dirname(real().where), 'psql');
    const always = await withPgDump(
      `"${real().where}" "$@"; "${psql}" -qw ${port} -d ${restless} -c 'ALTER TABLE t ADD COLUMN c'$$' int'; exit 1`,
    );
    await expect(build(restless, always)).rejects.toMatchObject({
      code: 'source_database_changing',
      retry: 'soon',
    });
    expect(await on.listObjects(names)).toEqual([]);
  });

  it('stops soon when it is told to, and leaves neither database, role nor file', async () => {
    const before = await privateFolders();
    const slow = await withPgDump('sleep 60');
    const controller = new AbortController();
    const reason = new Error('the deadline has passed');
    const building = build(source, slow, { signal: controller.signal });
    setTimeout(() => controller.abort(reason), 300);
    await expect(building).rejects.toBe(reason);
    expect(await on.listObjects(names)).toEqual([]);
    expect((await privateFolders()).filter((name) => !before.includes(name))).toEqual([]);
  });

  it('succeeds over what a killed attempt left, and over a finished one', async () => {
    names = on.newTemplateNames();
    const request = { kind: 'database' as const, name: source, tools: real() };
    await on.session.run(`CREATE ROLE ${names.builderRole} LOGIN IN ROLE ${on.neutral.owner}`);
    await on.session.run(`CREATE DATABASE ${names.template} ALLOW_CONNECTIONS true`);
    await on.session.run(`GRANT CONNECT ON DATABASE ${names.template} TO ${names.builderRole}`);
    const halfway = await on.connect(names.template);
    await halfway.query(`CREATE TABLE half (id int)`);
    const first = await on.build(request, { names });
    await halfway.end().catch(() => undefined);
    const second = await on.build(request, { names });
    expect(second.fingerprint).toEqual(first.fingerprint);
    expect(second.tables).toBe(2);
    await discardTemplate(on.session, names);
    expect(await on.listObjects(names)).toEqual([]);
    await discardTemplate(on.session, names);
  });
});
