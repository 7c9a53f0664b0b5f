import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Answer } from '../support/api-client.ts';
import { createApiClient } from '../support/api-client.ts';
import { createDeployment, type Deployment } from '../support/deployment.ts';
import { runOn } from '../support/provisioning-bench.ts';

describe('registrations that are sent more than once', () => {
  let deployment: Deployment;
  beforeAll(async () => {
    deployment = await createDeployment({
      api: 2,
      worker: 1,
      environment: { PROVISIONING_WAIT_MS: '25000', REGISTRATION_MAX_PENDING: '500' },
    });
  }, 180_000);
  afterAll(() => deployment.stop());

  const countTenants = async (where: string): Promise<number> => {
    const { rows } = await runOn(
      deployment.server,
      deployment.registryName,
      `SELECT count(*)::int AS n FROM tenant_registry WHERE ${where}`,
    );
    return rows[0].n;
  };

  it('100 at once with one Idempotency-Key make one tenant and get one answer, tokens included', async () => {
    const answers = await Promise.all(
      Array.from({ length: 100 }, (_, index) =>
        deployment.apis[index % 2 === 0 ? 0 : 1].register('Once Only', 'once@example.com', {
          'idempotency-key': 'once',
        }),
      ),
    );
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 201));
    expect(new Set(answers.map(({ body }) => JSON.stringify(body))).size).toBe(1);
    expect(await countTenants(`name = 'Once Only'`)).toBe(1);
  });

  it('another body under the same key is refused, and nothing is made', async () => {
    const answer = await deployment.apis[0].register('Twice', 'once@example.com', {
      'idempotency-key': 'once',
    });
    expect(answer).toMatchObject({ status: 422, body: { code: 'idempotency_key_reused' } });
    expect(await countTenants(`name = 'Twice'`)).toBe(0);
  });

  it('a retry after the api was killed between commit and answer gets the same tenant', async () => {
    await Promise.all(deployment.processes.workers.map(({ program }) => program.kill('SIGTERM')));
    const victim = await deployment.startMore('api');
    const client = createApiClient(`http://127.0.0.1:${victim.port}`);
    const key = { 'idempotency-key': 'killed-between' };
    const lost = client.register('Survivor', 'survivor@example.com', key).then(
      () => 'answered',
      () => 'lost',
    );
    await expect.poll(() => countTenants(`name = 'Survivor'`)).toBe(1);
    await victim.program.kill('SIGKILL');
    expect(await lost).toBe('lost');
    const worker = await deployment.startMore('worker');
    const answer = await deployment.apis[0].register('Survivor', 'survivor@example.com', key);
    expect(answer.status).toBe(201);
    expect(await countTenants(`name = 'Survivor'`)).toBe(1);
    const { rows } = await runOn(
      deployment.server,
      deployment.registryName,
      `SELECT id FROM tenant_registry WHERE name = 'Survivor'`,
    );
    expect(answer.body.data.tenant_id).toBe(rows[0].id);
    await deployment.startMore('worker').then((more) => deployment.processes.workers.push(more));
    await worker.program.kill('SIGTERM');
  });

  it('64 of 20 spellings of one name get distinct slugs, and none fails', async () => {
    const answers = await Promise.all(
      Array.from({ length: 64 }, (_, index) =>
        deployment.apis[index % 2 === 0 ? 0 : 1].register(
          spellings[index % spellings.length] ?? '',
          `spelling${index}@example.com`,
          { prefer: 'respond-async' },
        ),
      ),
    );
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 202));
    const slugs = answers.map(({ body }) => body.data.slug);
    expect(new Set(slugs).size).toBe(64);
    expect(slugs).toContain('acme-corp');
    await everyoneCompletes(answers);
  });

  it.each(names.map((name) => [name.slice(0, 40), name]))(
    'the name %j … is kept to the letter',
    async (_, name) => {
      const answer = await deployment.apis[0].register(name, `name${names.indexOf(name)}@example.com`, {
        prefer: 'respond-async',
      });
      expect(answer.status).toBe(202);
      const operator = deployment.apis[1].as({ 'x-admin-key': deployment.adminKey });
      const shown = await operator.get(`/api/admin/tenants/${answer.body.data.slug}`);
      expect(shown.body.data.name).toBe(name);
    },
  );

  it.each([
    ['a NUL', 'nul\u0000name'],
    ['256 characters', 'x'.repeat(256)],
    ['one character', 'x'],
    ['nothing but spaces', '    '],
  ])('a name with %s is refused with the field and what would be right', async (_, name) => {
    const answer = await deployment.apis[0].register(name, 'refused@example.com');
    expect(answer).toMatchObject({
      status: 400,
      body: { code: 'invalid_request', errors: [{ path: 'organization_name' }] },
    });
  });

  async function everyoneCompletes(answers: readonly Answer[]): Promise<void> {
    for (const { body } of answers) {
      await expect
        .poll(
          async () =>
            (await deployment.apis[1].get(`/api/auth/provisioning-status/${body.data.provisioning_id}`)).body
              .data.status,
          { timeout: 60_000 },
        )
        .toBe('completed');
    }
  }
});

const spellings = [
  'ACME Corp',
  'acme corp',
  'Acme  Corp',
  ' ACME Corp ',
  'ACME-Corp',
  'ACME_Corp',
  'acme.corp',
  'ÁCME Corp',
  'ACMÉ Corp',
  'Acme Corp!',
  'ACME, Corp',
  'acme/corp',
  'ＡＣＭＥ Ｃｏｒｐ',
  'ACME\u00a0Corp',
  'Acme–Corp',
  '“ACME” Corp',
  'acme   CORP',
  '-ACME Corp-',
  'ACME (Corp)',
  'A\u0301CME Corp',
];

const names = [
  '株式会社サンプル',
  'شركة المثال',
  'Пример ООО',
  'Ελληνική Εταιρεία',
  'בדיקה בע״מ',
  '🚀 Rockets 👩‍🚀',
  `O'Reilly & "Sons" <b>`,
  `'; DROP TABLE tenant_registry; --`,
  '$1 %s {{slug}}',
  'back\\slash',
  'x'.repeat(255),
  '🚀'.repeat(255),
  '../../etc/passwd',
  `${'é'.normalize('NFC')}cole`,
];
