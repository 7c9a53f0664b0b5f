import { afterAll, beforeAll, expect, it } from 'vitest';
import type { ServerDirectory } from '../../src/provisioning/server-directory.ts';
import { createTemplateRefresh } from '../../src/provisioning/template-refresh.ts';
import type { TemplateLibrary } from '../../src/provisioning/templates.ts';
import { listTemplates } from '../../src/registry/repositories/templates.ts';
import { type Bench, createProvisioningBench } from '../support/provisioning-bench.ts';
import { noSchedule } from './template-facts.ts';

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
