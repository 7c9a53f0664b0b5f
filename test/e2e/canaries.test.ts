import { afterAll, beforeAll, expect, test } from 'vitest';
import { createDeployment, type Deployment } from '../support/deployment.ts';
import { createKeepAliveClient } from '../support/keep-alive-client.ts';
import { createSeededRandom } from '../support/seeded-random.ts';

const tenantCount = 20;
const requestCount = 100_000;
const clientCount = 32;

let deployment: Deployment;
let tokens: string[];

const canaryOf = (tenant: number) => `canary of tenant ${tenant}`;

beforeAll(async () => {
  // Fewer connections than tenants, so that they change hands all the time.
  deployment = await createDeployment({
    api: 2,
    worker: 1,
    environment: { MAX_TOTAL_CONNECTIONS: '36', QUEUE_CONCURRENCY: '2', PROVISIONING_WAIT_MS: '25000' },
  });
  tokens = await Promise.all(Array.from({ length: tenantCount }, (_, tenant) => makeTenant(tenant)));
}, 180_000);
afterAll(() => deployment.stop());

async function makeTenant(tenant: number): Promise<string> {
  const [api] = deployment.apis;
  const { body } = await api.register(`Canary ${tenant}`, `canary${tenant}@example.com`);
  const token: string = body.data.access_token;
  const written = await api.withToken(token).post('/api/data/companies', { name: canaryOf(tenant) });
  expect(written.status).toBe(201);
  return token;
}

test(`${requestCount} interleaved requests of ${tenantCount} tenants over two processes meet no row of another`, {
  timeout: 600_000,
}, async () => {
  const processes = deployment.apis.map(({ origin }) => createKeepAliveClient(origin));
  const random = createSeededRandom(20);
  const wrong: string[] = [];
  let asked = 0;
  let served = 0;

  async function ask(): Promise<void> {
    const tenant = random.below(tenantCount);
    const process = processes[random.below(processes.length)];
    const headers = { authorization: `Bearer ${tokens[tenant]}` };
    const answer = await process?.get('/api/data/companies?select=name', headers);
    if (answer?.text === JSON.stringify([{ name: canaryOf(tenant) }])) served += 1;
    else wrong.push(`tenant ${tenant} was answered with ${answer?.status} ${answer?.text}`);
  }

  await Promise.all(
    Array.from({ length: clientCount }, async () => {
      while (asked < requestCount && wrong.length === 0) {
        asked += 1;
        await ask();
      }
    }),
  );
  for (const process of processes) process.close();
  expect(wrong).toEqual([]);
  expect(served).toBe(requestCount);
});
