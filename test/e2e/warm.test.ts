import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { createDeployment, type Deployment } from '../support/deployment.ts';
import { runOn } from '../support/provisioning-bench.ts';
import { findInconsistencies } from '../support/sql-oracle.ts';

const poolSize = 3;
const burst = 50;
const patient = { timeout: 120_000, interval: 200 };

describe('two api processes and a worker that keeps three databases warm', () => {
  let deployment: Deployment;

  beforeAll(async () => {
    deployment = await createDeployment({
      api: 2,
      worker: 1,
      environment: { WARM_POOL_SIZE: String(poolSize), TEMPLATE_REFRESH_SCHEDULE: '0 0 1 1 *' },
    });
    await untilWarm();
  }, 180_000);
  afterAll(() => deployment.stop());

  const rows = async (statement: string) =>
    (await runOn(deployment.server, deployment.registryName, statement)).rows;
  const stats = async () => {
    const operator = deployment.apis[0].as({ 'x-admin-key': deployment.adminKey });
    return (await operator.get('/api/admin/stats')).body.data;
  };
  async function untilWarm(): Promise<void> {
    await vi.waitFor(
      async () =>
        expect(await rows('SELECT status FROM warm_databases')).toEqual(
          Array.from({ length: poolSize }, () => ({ status: 'ready' })),
        ),
      patient,
    );
  }

  it('show operators the pool', async () => {
    expect((await stats()).warm_databases).toEqual([
      { server: 'default', template: 'default', ready: poolSize, warming: 0, retiring: 0 },
    ]);
  });

  it('answer a registration with a tenant that works, although no worker is told of it', async () => {
    const [one, other] = deployment.apis;
    const { status, body } = await one.register('At Once', 'admin@at-once.example');
    expect(status).toBe(201);
    const run = await other.get(`/api/auth/provisioning-status/${body.data.provisioning_id}`);
    expect(run.body.data).toMatchObject({
      status: 'completed',
      progress: 100,
      steps: [{ name: 'claim-warm-database', status: 'done' }],
    });
    const member = other.withToken(body.data.access_token);
    expect((await member.post('/api/data/companies', { name: 'First customer' })).status).toBe(201);
    expect((await member.get('/api/data/companies?select=name')).body).toEqual([{ name: 'First customer' }]);
    const login = await one.post('/api/auth/login', {
      email: 'admin@at-once.example',
      password: 'Test123!',
    });
    expect(login.body.data.tenant_id).toBe(body.data.tenant_id);
  });

  it(`of ${burst} at once, exactly ${poolSize} get a warm one, and none is given twice`, async () => {
    await untilWarm();
    const pool = await rows('SELECT id FROM warm_databases');
    const [worker] = deployment.processes.workers;
    // Else it might fill the pool up between two of them.
    process.kill(worker?.program.pid ?? 0, 'SIGSTOP');
    const answers = await Promise.all(
      Array.from({ length: burst }, (_, place) =>
        (deployment.apis[place % 2] ?? deployment.apis[0]).register(
          `Burst ${place}`,
          `burst${place}@example.com`,
          { prefer: 'respond-async' },
        ),
      ),
    );
    process.kill(worker?.program.pid ?? 0, 'SIGCONT');
    const countOf = (wanted: number) => answers.filter(({ status }) => status === wanted).length;
    expect([countOf(201), countOf(202)]).toEqual([poolSize, burst - poolSize]);
    const ofBurst = `FROM provisioning_runs r JOIN tenant_registry t ON t.id = r.tenant_id WHERE t.slug LIKE 'burst-%'`;
    await vi.waitFor(
      async () =>
        expect(await rows(`SELECT DISTINCT t.status, r.status AS run ${ofBurst}`)).toEqual([
          { status: 'active', run: 'completed' },
        ]),
      patient,
    );
    expect(await rows(`SELECT r.way, count(*)::int ${ofBurst} GROUP BY 1 ORDER BY 1`)).toEqual([
      { way: 'warm', count: poolSize },
      { way: 'clone', count: burst - poolSize },
    ]);
    const claimed = await rows(`SELECT t.database_id AS id ${ofBurst} AND r.way = 'warm'`);
    expect(claimed.map(({ id }) => id).toSorted()).toEqual(pool.map(({ id }) => id).toSorted());
    expect(await rows(`SELECT count(DISTINCT t.database_name)::int ${ofBurst}`)).toEqual([{ count: burst }]);
    const events = `SELECT count(*)::int FROM outbox WHERE topic = 'event.tenant.activated' GROUP BY payload`;
    expect(new Set((await rows(events)).map(({ count }) => count))).toEqual(new Set([1]));
  }, 240_000);

  it('fill the pool again when the burst is over; registry and server agree', async () => {
    await untilWarm();
    const { server, registryName: registry, environment } = deployment;
    const databasePrefix = environment.TENANT_DB_PREFIX ?? '';
    expect(await findInconsistencies(server, { registry, databasePrefix })).toEqual([]);
  }, 130_000);
});
