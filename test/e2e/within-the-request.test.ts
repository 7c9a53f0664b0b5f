import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createApiClient } from '../support/api-client.ts';
import { createDeployment, type Deployment } from '../support/deployment.ts';

describe('ENABLE_ASYNC_PROVISIONING=false', () => {
  let deployment: Deployment;
  beforeAll(async () => {
    deployment = await createDeployment({
      api: 1,
      worker: 0,
      environment: { ENABLE_ASYNC_PROVISIONING: 'false' },
    });
  });
  afterAll(() => deployment.stop());

  it('makes databases without a worker, several at once', async () => {
    const answers = await Promise.all(
      Array.from({ length: 8 }, (_, index) =>
        deployment.apis[0].register(`Direct ${index}`, `direct${index}@example.com`),
      ),
    );
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 201));
  });

  it('goes on after a restart with what was under way when the process was killed', async () => {
    const [api] = deployment.processes.apis;
    const accepted = await deployment.apis[0].register('Interrupted', 'interrupted@example.com', {
      prefer: 'respond-async',
    });
    await api?.program.kill('SIGKILL');
    const next = await deployment.startMore('api');
    deployment.processes.apis.push(next);
    const revived = createApiClient(`http://127.0.0.1:${next.port}`);
    const path = `/api/auth/provisioning-status/${accepted.body.data.provisioning_id}`;
    const status = async () => (await revived.get(path)).body.data.status;
    await expect.poll(status).toBe('completed');
  });
});
