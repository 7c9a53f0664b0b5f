import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Answer } from '../support/api-client.ts';
import { createDeployment, type Deployment } from '../support/deployment.ts';
import { runOn } from '../support/provisioning-bench.ts';

const rows = '/api/data/companies';

describe('what an operator does to a tenant is done in all processes', () => {
  let deployment: Deployment;
  beforeAll(async () => {
    deployment = await createDeployment({ api: 2, worker: 1 });
  }, 180_000);
  afterAll(() => deployment.stop());

  async function join(name: string) {
    const [one, other] = deployment.apis;
    const slug = name.toLowerCase();
    const { status, body } = await one.register(name, `admin@${slug}.example`);
    expect(status).toBe(201);
    const operator = one.as({ 'x-admin-key': deployment.adminKey });
    const token = body.data.access_token as string;
    const members = [one.withToken(token), other.withToken(token)];
    for (const member of members) expect((await member.get(rows)).status).toBe(200);
    const { body: shown } = await operator.get(`/api/admin/tenants/${slug}`);
    const database = shown.data.database_name as string;
    const act = (action: string, more: unknown = {}) =>
      operator.post(`/api/admin/tenants/${slug}/${action}`, more);
    const backends = async () =>
      (
        await runOn(
          deployment.server,
          'postgres',
          `SELECT application_name AS name, backend_start::text AS since FROM pg_stat_activity WHERE datname = '${database}'`,
        )
      ).rows as { name: string; since: string }[];
    return { slug, members, operator, act, backends };
  }

  const statuses = async (calls: Promise<Answer>[]) =>
    (await Promise.all(calls)).map(({ status, body }) => [status, body?.code]);

  it('a suspension ends its connections', async () => {
    const { members, act, backends } = await join('Suspended');
    expect(new Set((await backends()).map(({ name }) => name)).size).toBe(2);
    expect((await act('suspend', { reason: 'unpaid' })).status).toBe(200);
    await expect.poll(backends, { timeout: 1_000, interval: 20 }).toEqual([]);
    for (const member of members) expect((await member.get(rows)).body.code).toBe('tenant_suspended');
    expect((await act('activate')).status).toBe(200);
    await expect
      .poll(() => statuses(members.map((member) => member.get(rows))))
      .toEqual([
        [200, undefined],
        [200, undefined],
      ]);
  });

  it('a read-only tenant is read and not written, maintenance refuses both, and either ends by activation', async () => {
    const { members, act } = await join('Locked');
    const read = () => statuses(members.map((member) => member.get(rows)));
    const write = () => statuses(members.map((member) => member.post(rows, { name: 'Written' })));
    expect((await act('read-only', { reason: 'audit' })).body.data).toMatchObject({
      status: 'read_only',
      status_reason: 'audit',
    });
    await expect.poll(write).toEqual([
      [409, 'tenant_read_only'],
      [409, 'tenant_read_only'],
    ]);
    expect(await read()).toEqual([
      [200, undefined],
      [200, undefined],
    ]);
    const written = async () => (await members[0]?.get(`${rows}?select=name&name=eq.Written`))?.body;
    const before = await written();
    await write();
    expect(await written()).toEqual(before);
    expect((await act('maintenance')).body.data.status).toBe('maintenance');
    await expect.poll(read).toEqual([
      [503, 'tenant_maintenance'],
      [503, 'tenant_maintenance'],
    ]);
    const refused = await members[1]?.get(rows);
    expect(refused?.headers.get('retry-after')).toBe('30');
    expect((await act('activate')).status).toBe(200);
    await expect.poll(write).toEqual([
      [201, undefined],
      [201, undefined],
    ]);
  });

  it('new passwords are in use everywhere, and no request under load is refused', async () => {
    const { members, act, backends } = await join('Rotated');
    const answers: number[] = [];
    let isOver = false;
    const load = members.flatMap((member) =>
      Array.from({ length: 4 }, async () => {
        while (!isOver) answers.push((await member.get(rows)).status);
      }),
    );
    for (let round = 0; round < 3; round += 1) {
      const { length } = answers;
      await expect.poll(() => answers.length).toBeGreaterThan(length + 20);
      const before = await backends();
      const { status, body } = await act('rotate-credentials', { reason: `round ${round}` });
      expect([status, body.data]).toEqual([
        200,
        { tenant_id: expect.any(String), slug: 'rotated', rotated_at: expect.any(String) },
      ]);
      // A connection that was made with the old password serves nobody any more.
      await expect
        .poll(async () =>
          (await backends()).filter((each) => before.some(({ since }) => since === each.since)),
        )
        .toEqual([]);
      await expect.poll(async () => new Set((await backends()).map(({ name }) => name)).size).toBe(2);
    }
    isOver = true;
    await Promise.all(load);
    console.log(`${answers.length} requests during three rotations`);
    expect(new Set(answers)).toEqual(new Set([200]));
  });

  it('a process that has not heard of new passwords finds them by itself', async () => {
    const { slug, members, operator } = await join('Unheard');
    const answers: number[] = [];
    let isOver = false;
    const rotation = operator.post(`/api/admin/tenants/${slug}/rotate-credentials`, {}).finally(() => {
      isOver = true;
    });
    while (!isOver) {
      await cutListeners();
      for (const member of members) answers.push((await member.get(rows)).status);
    }
    expect((await rotation).status).toBe(200);
    for (const member of members) answers.push((await member.get(rows)).status);
    expect(new Set(answers)).toEqual(new Set([200]));
  });

  it('what a process remembers of tenants is forgotten on demand', async () => {
    const { slug, members, operator } = await join('Remembered');
    const change = (status: string) =>
      runOn(
        deployment.server,
        deployment.registryName,
        `UPDATE tenant_registry SET status = '${status}' WHERE slug = '${slug}'`,
      );
    const read = () => statuses(members.map((member) => member.get(rows)));
    const suspended = [
      [409, 'tenant_suspended'],
      [409, 'tenant_suspended'],
    ];
    const served = [
      [200, undefined],
      [200, undefined],
    ];
    // Behind everybody's back: nobody was told.
    await change('suspended');
    expect(await read()).toEqual(served);
    expect((await operator.post(`/api/admin/tenants/${slug}/clear-cache`, {})).body.data).toEqual({
      cleared: 'tenant',
    });
    await expect.poll(read, { timeout: 1_000 }).toEqual(suspended);
    await change('active');
    expect(await read()).toEqual(suspended);
    expect((await operator.post('/api/admin/caches/clear', {})).body.data).toEqual({ cleared: 'all' });
    await expect.poll(read, { timeout: 1_000 }).toEqual(served);
  });

  async function cutListeners(): Promise<void> {
    await runOn(
      deployment.server,
      deployment.registryName,
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE query LIKE 'LISTEN tm_messages%' AND datname = current_database()`,
    );
  }
});
