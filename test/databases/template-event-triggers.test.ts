import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { newNamePart } from '../../src/databases/database-name.ts';
import type { PgTools } from '../../src/databases/pg-tools-contract.ts';
import { failOnLeaks } from '../support/leaks.ts';
import { findTestTools, openTemplatePlace, type TemplatePlace } from './template-place.ts';

failOnLeaks();

const tools = await findTestTools();
let on: TemplatePlace;
/** The role that the source's author wants to make a superuser. */
let villain: string;
let author: { user: string; password: string };

beforeAll(async () => {
  on = await openTemplatePlace();
});
beforeEach(async () => {
  const part = newNamePart();
  villain = `villain_${part}`;
  author = { user: `author_${part}`, password: 'x' };
  await on.session.run(`CREATE ROLE ${villain} NOLOGIN; CREATE ROLE ${author.user} LOGIN PASSWORD 'x'`);
});
afterAll(() => on.close());

const GRAB = () => `BEGIN EXECUTE 'ALTER ROLE ${villain} SUPERUSER'; EXCEPTION WHEN OTHERS THEN NULL; END`;

const CARRIED = `CREATE TABLE public.t (id int);
  CREATE FUNCTION public.on_ddl() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
  CREATE EVENT TRIGGER watch ON ddl_command_end EXECUTE FUNCTION public.on_ddl()`;

type Facts = { isSuperuser: boolean; triggers: number; ofPlatform: string[] };

/** What came of it, after a tenant of the template has changed its schema. */
async function useTenant(template: string): Promise<Facts> {
  const migrator = await on.asMigrator(await on.makeTenant(template));
  try {
    await migrator.query('CREATE TABLE public.another (id int)');
    const { rows } = await migrator.query<Facts>(
      `SELECT (SELECT rolsuper FROM pg_roles WHERE rolname = $1) AS "isSuperuser",
              (SELECT count(*)::int FROM pg_event_trigger) AS triggers,
              ARRAY(SELECT p.proname::text FROM pg_proc p JOIN pg_roles r ON r.oid = p.proowner
                     WHERE p.pronamespace = 'public'::regnamespace AND r.rolsuper) AS "ofPlatform"`,
      [villain],
    );
    const [facts] = rows;
    if (facts === undefined) throw new Error('The server gave no row for a query without FROM.');
    return facts;
  } finally {
    await migrator.end();
    await on.session.run(`ALTER ROLE ${villain} NOSUPERUSER`);
  }
}

describe.skipIf(tools === null)('an event trigger of the source', () => {
  it('is carried with a function that belongs to the platform', async () => {
    if (tools === null) throw new Error('There are no tools.');
    const source = await on.makeSource(CARRIED);
    const { names, notCarried } = await on.build({ kind: 'database', name: source, tools });
    expect(notCarried).toEqual([]);
    expect(await useTenant(names.template)).toEqual({
      isSuperuser: false,
      triggers: 1,
      ofPlatform: ['on_ddl'],
    });
  });

  it('is left out where code that ran in the template replaced its function', async () => {
    if (tools === null) throw new Error('There are no tools.');
    const source = await on.makeSource(`${CARRIED}; CREATE SCHEMA app AUTHORIZATION ${author.user}`);
    await on.query(
      source,
      `CREATE FUNCTION app.plant() RETURNS int LANGUAGE plpgsql AS $p$ BEGIN
         IF current_database() NOT LIKE 'src\\_%' THEN
           EXECUTE $q$CREATE OR REPLACE FUNCTION public.on_ddl() RETURNS event_trigger LANGUAGE plpgsql
             SECURITY DEFINER AS $$BEGIN ${GRAB()}; END$$ $q$;
         END IF;
         RETURN 1;
       END $p$;
       CREATE MATERIALIZED VIEW app.mv AS SELECT app.plant() AS x`,
      author,
    );
    const { names, notCarried } = await on.build({ kind: 'database', name: source, tools });
    expect(notCarried).toContainEqual({
      kind: 'event trigger',
      name: 'watch',
      why: expect.stringContaining('SECURITY DEFINER'),
    });
    expect(await useTenant(names.template)).toEqual({ isSuperuser: false, triggers: 0, ofPlatform: [] });
  });

  const changes = [
    {
      what: 'made to run as its owner',
      there: 'ALTER FUNCTION public.on_ddl() SECURITY DEFINER',
      back: 'ALTER FUNCTION public.on_ddl() SECURITY INVOKER',
      isRefused: false,
    },
    {
      what: 'renamed, with another one in its place',
      there: `ALTER FUNCTION public.on_ddl() SECURITY DEFINER; ALTER FUNCTION public.on_ddl() RENAME TO real_one;
       ALTER FUNCTION public.decoy() RENAME TO on_ddl`,
      back: `ALTER FUNCTION public.on_ddl() RENAME TO decoy; ALTER FUNCTION public.real_one() RENAME TO on_ddl;
       ALTER FUNCTION public.on_ddl() SECURITY INVOKER`,
      isRefused: true,
    },
  ];
  it.each(changes)(
    'gives nobody anything by a function $what only while it is dumped',
    async ({ there, back, isRefused }) => {
      if (tools === null) throw new Error('There are no tools.');
      const body = `BEGIN IF current_database() NOT LIKE 'src\\_%' THEN ${GRAB()}; END IF; END`;
      const source = await on.makeSource(`CREATE TABLE public.t (id int);
      GRANT CREATE ON SCHEMA public TO ${author.user}; SET ROLE ${author.user};
      CREATE FUNCTION public.on_ddl() RETURNS event_trigger LANGUAGE plpgsql AS $$${body}$$;
      CREATE FUNCTION public.decoy() RETURNS event_trigger LANGUAGE plpgsql AS $$${body}$$; RESET ROLE;
      CREATE EVENT TRIGGER watch ON ddl_command_end EXECUTE FUNCTION public.on_ddl()`);
      const flipping: PgTools = {
        ...tools,
        dump: async (request) => {
          await on.query(source, there, author);
          await tools.dump(request);
          await on.query(source, back, author);
        },
      };
      const building = on.build({ kind: 'database', name: source, tools: flipping });
      if (isRefused) {
        await expect(building).rejects.toMatchObject({
          code: 'template_restore_failed',
          message: expect.stringContaining('event trigger watch'),
        });
        return;
      }
      const { names, notCarried } = await building;
      expect(notCarried).toContainEqual(expect.objectContaining({ kind: 'event trigger', name: 'watch' }));
      expect(await useTenant(names.template)).toEqual({ isSuperuser: false, triggers: 0, ofPlatform: [] });
    },
  );

  it('is not needed to climb: a validator of the source is not there when the platform makes its wrapper', async () => {
    if (tools === null) throw new Error('There are no tools.');
    const source = await on.makeSource(`CREATE TABLE public.t (id int); CREATE EXTENSION postgres_fdw;
      CREATE SCHEMA app AUTHORIZATION ${author.user};
      CREATE FUNCTION app.validate(text[], oid) RETURNS void LANGUAGE plpgsql AS $$BEGIN
        IF current_database() NOT LIKE 'src\\_%' THEN ${GRAB()}; END IF; END$$;
      ALTER FUNCTION app.validate(text[], oid) OWNER TO ${author.user};
      CREATE FOREIGN DATA WRAPPER w VALIDATOR app.validate;
      ALTER EXTENSION postgres_fdw ADD FUNCTION app.validate(text[], oid)`);
    const flipping: PgTools = {
      ...tools,
      dump: async (request) => {
        await on.query(source, 'ALTER EXTENSION postgres_fdw DROP FUNCTION app.validate(text[], oid)');
        await tools.dump(request);
        await on.query(source, 'ALTER EXTENSION postgres_fdw ADD FUNCTION app.validate(text[], oid)');
      },
    };
    await expect(on.build({ kind: 'database', name: source, tools: flipping })).rejects.toMatchObject({
      code: 'template_restore_failed',
      message: expect.stringContaining('app.validate'),
    });
    const [row] = await on.session.rows('SELECT rolsuper FROM pg_roles WHERE rolname = $1', [villain]);
    expect(row).toEqual({ rolsuper: false });
  });
});
