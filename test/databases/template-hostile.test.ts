import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { newNamePart } from '../../src/databases/database-name.ts';
import { inPrivateFolder } from '../../src/databases/pg-tools-folder.ts';
import { failOnLeaks } from '../support/leaks.ts';
import { findTestTools, openTemplatePlace, type TemplatePlace } from './template-place.ts';

failOnLeaks();

const tools = await findTestTools();
let on: TemplatePlace;
/** The role that the source's author wants to make a superuser. */
let villain: string;

beforeAll(async () => {
  on = await openTemplatePlace();
});
beforeEach(async () => {
  villain = `villain_${newNamePart()}`;
  await on.session.run(`CREATE ROLE ${villain} NOLOGIN`);
});
afterAll(() => on.close());

const isSuperuser = async () => {
  const [row] = await on.session.rows<{ rolsuper: boolean }>(
    'SELECT rolsuper FROM pg_roles WHERE rolname = $1',
    [villain],
  );
  return row?.rolsuper;
};

/** Tries in every database but the source; the server lets an IMMUTABLE function call a VOLATILE one. */
const grab = () => `
  CREATE FUNCTION public.grab_now() RETURNS void LANGUAGE plpgsql VOLATILE AS $$
  BEGIN
    IF current_database() LIKE 'src\\_%' AND to_regclass('public.armed') IS NULL THEN RETURN; END IF;
    BEGIN EXECUTE 'ALTER ROLE ${villain} SUPERUSER'; EXCEPTION WHEN OTHERS THEN NULL; END;
    BEGIN EXECUTE 'RESET ROLE'; EXECUTE 'ALTER ROLE ${villain} SUPERUSER'; EXCEPTION WHEN OTHERS THEN NULL; END;
    BEGIN
      EXECUTE 'RESET SESSION AUTHORIZATION'; EXECUTE 'ALTER ROLE ${villain} SUPERUSER';
    EXCEPTION WHEN OTHERS THEN NULL; END;
  END $$;
  CREATE FUNCTION public.grab() RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$
  BEGIN PERFORM public.grab_now(); RETURN true; END $$;`;

const kinds: [kind: string, sql: () => string][] = [
  [
    'a function in an index predicate',
    () => `${grab()} CREATE TABLE public.t (id int); INSERT INTO public.t VALUES (1);
           CREATE INDEX i ON public.t (id) WHERE public.grab();`,
  ],
  [
    'a materialized view',
    () =>
      `${grab()} CREATE TABLE public.t (id int); CREATE MATERIALIZED VIEW public.v AS SELECT public.grab() AS g;`,
  ],
  [
    'a check on carried rows',
    () => `${grab()} CREATE TABLE public.t (id int CHECK (public.grab())); INSERT INTO public.t VALUES (1);`,
  ],
  [
    'an event trigger',
    () => `${grab()} CREATE TABLE public.t (id int);
           CREATE FUNCTION public.on_ddl() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN PERFORM public.grab(); END';
           CREATE EVENT TRIGGER a_first ON ddl_command_end EXECUTE FUNCTION public.on_ddl();
           CREATE EVENT TRIGGER b_second ON sql_drop EXECUTE FUNCTION public.on_ddl();`,
  ],
];

describe.skipIf(tools === null)('the author of a source', () => {
  it.each(kinds)('gains nothing by %s, where a plain restore makes a superuser', async (_, sql) => {
    if (tools === null) throw new Error('There are no tools.');
    const source = await on.makeSource(sql());
    expect(await isSuperuser()).toBe(false);

    const { names } = await on.build({ kind: 'database', name: source, tools }, { dataTables: ['t'] });
    expect(await isSuperuser()).toBe(false);
    const tenant = await on.makeTenant(names.template);
    const migrator = await on.asMigrator(tenant);
    await migrator
      .query('CREATE TABLE public.another (id int); DROP TABLE public.another')
      .finally(() => migrator.end());
    expect(await isSuperuser()).toBe(false);

    await restorePlainly(source);
    expect(await isSuperuser()).toBe(true);
    await on.session.run(`ALTER ROLE ${villain} NOSUPERUSER`);
    await on.session.run(`DROP ROLE ${villain}`);
  });

  it('gains nothing by a function that runs as its owner, where a plain restore makes a superuser', async () => {
    if (tools === null) throw new Error('There are no tools.');
    const source = await on.makeSource(`CREATE TABLE public.t (id int);
      CREATE FUNCTION public.climb() RETURNS void LANGUAGE plpgsql SECURITY DEFINER
        AS 'BEGIN ALTER ROLE ${villain} SUPERUSER; END'`);
    const { names } = await on.build({ kind: 'database', name: source, tools });
    const tenant = await on.makeTenant(names.template);
    for (const client of [await on.asApplication(tenant), await on.asMigrator(tenant)]) {
      const climb = client.query('SELECT public.climb()').finally(() => client.end());
      await expect(climb).rejects.toMatchObject({ code: '42501' });
    }
    expect(await isSuperuser()).toBe(false);
    await restorePlainly(source, `SET ROLE ${villain}; SELECT public.climb()`);
    expect(await isSuperuser()).toBe(true);
    await on.session.run(`ALTER ROLE ${villain} NOSUPERUSER`);
  });

  it('gains nothing by an event trigger’s function that runs as its owner', async () => {
    if (tools === null) throw new Error('There are no tools.');
    const source = await on.makeSource(`${grab()} CREATE TABLE public.t (id int);
      CREATE FUNCTION public.on_ddl() RETURNS event_trigger LANGUAGE plpgsql SECURITY DEFINER
        AS 'BEGIN PERFORM public.grab(); END';
      CREATE EVENT TRIGGER later ON ddl_command_end EXECUTE FUNCTION public.on_ddl();`);
    const { names, notCarried } = await on.build({ kind: 'database', name: source, tools });
    const migrator = await on.asMigrator(await on.makeTenant(names.template));
    await migrator.query('CREATE TABLE public.another (id int)').finally(() => migrator.end());
    expect(await isSuperuser()).toBe(false);
    expect(notCarried).toContainEqual(expect.objectContaining({ kind: 'event trigger', name: 'later' }));
  });

  it('gains nothing by a validator of a foreign data wrapper', async () => {
    if (tools === null) throw new Error('There are no tools.');
    const source = await on.makeSource(`${grab()} CREATE TABLE public.t (id int);
      CREATE FUNCTION public.validate(text[], oid) RETURNS void LANGUAGE plpgsql AS 'BEGIN PERFORM public.grab(); END';
      CREATE FOREIGN DATA WRAPPER w VALIDATOR public.validate; CREATE SERVER s FOREIGN DATA WRAPPER w;
      COMMENT ON SERVER s IS 'x'`);
    const { notCarried } = await on.build({ kind: 'database', name: source, tools });
    expect(await isSuperuser()).toBe(false);
    expect(notCarried.map(({ kind, name }) => `${kind} ${name}`).sort()).toEqual([
      'foreign data wrapper w',
      'server s',
    ]);
    await restorePlainly(source);
    expect(await isSuperuser()).toBe(true);
    await on.session.run(`ALTER ROLE ${villain} NOSUPERUSER`);
  });

  it('is refused when the code makes objects as the role that restores it', async () => {
    if (tools === null) throw new Error('There are no tools.');
    const source = await on.makeSource(`
      CREATE FUNCTION public.stay_now() RETURNS void LANGUAGE plpgsql AS $$
      BEGIN
        IF current_database() NOT LIKE 'src\\_%' THEN
          EXECUTE 'SET ROLE NONE'; EXECUTE 'CREATE TYPE public.foothold AS (id int)'; EXECUTE 'RESET ROLE';
        END IF;
      END $$;
      CREATE FUNCTION public.stay() RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$
      BEGIN PERFORM public.stay_now(); RETURN true; END $$;
      CREATE TABLE public.t (id int CHECK (public.stay())); INSERT INTO public.t VALUES (1);`);
    const names = on.newTemplateNames();
    await expect(
      on.build({ kind: 'database', name: source, tools }, { names, dataTables: ['t'] }),
    ).rejects.toMatchObject({
      code: 'template_restore_failed',
      message: expect.stringContaining('belong to the role that restored it'),
    });
    expect(await on.listObjects(names)).toEqual([]);
  });

  it('cannot make the platform run a cast while it looks at the carried rows', async () => {
    if (tools === null) throw new Error('There are no tools.');
    const source =
      await on.makeSource(`${grab()} CREATE TABLE public.armed (id int); INSERT INTO public.armed VALUES (1);
      CREATE FUNCTION public.as_text(public.armed) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT public.grab()::text';
      CREATE CAST (public.armed AS text) WITH FUNCTION public.as_text(public.armed) AS IMPLICIT;
      CREATE FUNCTION public.md5(text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT public.grab()::text';`);
    await on.build({ kind: 'database', name: source, tools }, { dataTables: ['armed'] });
    expect(await isSuperuser()).toBe(false);
    await on.query(source, 'SELECT a::text FROM public.armed a');
    expect(await isSuperuser()).toBe(true);
    await on.session.run(`ALTER ROLE ${villain} NOSUPERUSER`);
  });
});

/** What everybody does by hand: everything as superuser. */
async function restorePlainly(source: string, then = 'CREATE TABLE public.by_hand (id int)'): Promise<void> {
  if (tools === null) throw new Error('There are no tools.');
  const database = await on.makeSource('SELECT 1');
  const plain = `plain_${newNamePart()}`;
  await on.session.run(`ALTER DATABASE ${database} RENAME TO ${plain}`);
  await inPrivateFolder(async (folder) => {
    const signal = AbortSignal.timeout(30_000);
    const login = { address: on.server, ...on.server.admin };
    const file = join(folder, 'dump');
    await tools.dump({ login: { ...login, database: source }, options: ['-Fc'], file, signal });
    const entries = [...(await tools.list(file, [], signal)).matchAll(/^(\d+); /gm)].map(([, id]) =>
      Number(id),
    );
    const request = { archive: file, entries, serverMajor: on.major, signal };
    await tools.restore({ ...request, login: { ...login, database: plain } });
  });
  await on.query(plain, then);
  await on.session.run(`DROP DATABASE ${plain}`);
}
