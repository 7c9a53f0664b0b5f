import pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { newNamePart } from '../../src/databases/database-name.ts';
import type { ServerDirectory } from '../../src/provisioning/server-directory.ts';
import { createTemplateRefresh } from '../../src/provisioning/template-refresh.ts';
import type { TemplateLibrary } from '../../src/provisioning/templates.ts';
import { insertTemplate, listTemplates } from '../../src/registry/repositories/templates.ts';
import { type Bench, createProvisioningBench } from '../support/provisioning-bench.ts';
import { sharedPostgres } from '../support/shared-postgres.ts';
import { look, noSchedule, readyCopy } from './template-facts.ts';

let bench: Bench;

beforeAll(async () => {
  bench = await createProvisioningBench({ environment: noSchedule });
  await bench.assembly.firstLook;
});
afterAll(() => bench.stop());

it('looks at every server whatever happens on another, and keeps with the template what happened', async () => {
  const { registry } = bench.platform;
  const [template] = await listTemplates(registry);
  if (template === undefined) throw new Error('The bench has a template.');
  const { id: real } = await registry.selectFrom('databaseServers').select('id').executeTakeFirstOrThrow();
  const lookedAt: string[] = [];
  const servers = {
    announceEnvironmentServer: async () => ({ id: 'elsewhere' }),
    get: async (id: string) => ({ id }),
  } as unknown as ServerDirectory;
  const templates = {
    refresh: async ({ server }: { server: { id: string } }) => {
      lookedAt.push(server.id);
      throw new TypeError(`planted on ${server.id}`);
    },
  } as unknown as TemplateLibrary;
  const { refreshTemplate } = createTemplateRefresh({ registry, servers, templates });
  await expect(refreshTemplate(template, new AbortController().signal)).rejects.toThrow(
    'planted on elsewhere',
  );
  expect(lookedAt).toEqual(['elsewhere', real]);
  const kept = await registry
    .selectFrom('templates')
    .select(['troubleCode', 'troubleDetail'])
    .where('id', '=', template.id)
    .executeTakeFirstOrThrow();
  expect(kept).toEqual({ troubleCode: 'internal_error', troubleDetail: 'planted on elsewhere' });
});

it('looks at the sources behind one in which somebody holds a lock, and says of that one why', async () => {
  const { registry } = bench.platform;
  const { host, port, admin } = sharedPostgres();
  const part = newNamePart();
  const [locked, behind] = [`locked_${part}`, `behind_${part}`];
  const holder = new pg.Client({ host, port, ...admin, database: locked });
  try {
    for (const sourceDatabase of [locked, behind]) {
      await bench.runOn('postgres', `CREATE DATABASE ${sourceDatabase}`);
      await bench.runOn(sourceDatabase, 'CREATE TABLE kinds (id int)');
      await insertTemplate(registry, { key: sourceDatabase, sourceDatabase, dataTables: ['kinds'] });
    }
    await holder.connect();
    await holder.query('BEGIN; LOCK TABLE kinds');
    await look(bench);
    const troubles = await registry
      .selectFrom('templates')
      .select(['key', 'troubleCode'])
      .where('key', 'in', [locked, behind])
      .orderBy('key', 'desc')
      .execute();
    expect(troubles).toEqual([
      { key: locked, troubleCode: 'database_server_busy' },
      { key: behind, troubleCode: null },
    ]);
    expect((await readyCopy(bench, behind)).exists).toBe(true);
  } finally {
    await holder.end();
    await registry.deleteFrom('templates').where('key', '=', locked).execute();
    for (const name of [locked, behind]) await bench.runOn('postgres', `DROP DATABASE ${name} WITH (FORCE)`);
  }
});
