import { sql } from 'kysely';
import { v7 as uuidv7 } from 'uuid';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createRunProgress } from '../../src/provisioning/run-progress.ts';
import type { Messages } from '../../src/registry/messages.ts';
import { failOnLeaks } from '../support/leaks.ts';
import { createTestRegistry, type TestRegistry } from '../support/test-registry.ts';

failOnLeaks();

let registry: TestRegistry;
beforeAll(async () => {
  registry = await createTestRegistry();
});
afterAll(() => registry.drop());

async function insertRun(): Promise<string> {
  const [tenantId, runId] = [uuidv7(), uuidv7()];
  await sql`INSERT INTO tenant_registry (id, slug, name, status, plan)
    VALUES (${tenantId}, ${`t${runId.slice(-12)}`}, 'One', 'requested', 'free')`.execute(registry.database);
  await sql`INSERT INTO provisioning_runs (id, tenant_id, generation, kind, status)
    VALUES (${runId}, ${tenantId}, 1, 'provision', 'processing')`.execute(registry.database);
  return runId;
}

const endRun = (runId: string) =>
  sql`UPDATE provisioning_runs SET status = 'completed', finished_at = now() WHERE id = ${runId}`.execute(
    registry.database,
  );

/** With a registry that counts what is asked of it, and no message at all. */
function watchInSilence() {
  const silent: Pick<Messages, 'on'> = { on: () => () => undefined };
  let statements = 0;
  const counted = registry.database.withPlugin({
    transformQuery: ({ node }) => {
      statements += 1;
      return node;
    },
    transformResult: async ({ result }) => result,
  });
  return { ...createRunProgress({ registry: counted, messages: silent }), count: () => statements };
}

describe('whoever waits for the end of a run, and hears no message', () => {
  it('is told all the same', async () => {
    const runId = await insertRun();
    const { waitForRun } = watchInSilence();
    const waiting = waitForRun(runId, 60_000);
    await endRun(runId);
    expect(await waiting).toMatchObject({ runId, status: 'completed' });
  });

  it('is told that the run is gone', async () => {
    const runId = await insertRun();
    const { waitForRun } = watchInSilence();
    const waiting = waitForRun(runId, 60_000);
    await sql`DELETE FROM provisioning_runs WHERE id = ${runId}`.execute(registry.database);
    expect(await waiting).toBeUndefined();
  });

  it('gets how far it is when the time is over', async () => {
    const { waitForRun } = watchInSilence();
    expect(await waitForRun(await insertRun(), 300)).toMatchObject({ status: 'processing' });
  });

  it('asks together with all others', async () => {
    const runs = await Promise.all(Array.from({ length: 50 }, insertRun));
    const { waitForRun, count } = watchInSilence();
    await Promise.all(runs.map((runId) => waitForRun(runId, 3_500)));
    // One at first and one at the end for each; between them one in a second for all.
    expect(count()).toBeGreaterThan(2 * runs.length);
    expect(count()).toBeLessThanOrEqual(2 * runs.length + 4);
  });
});
