import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'vitest';
import type { createApiClient } from '../support/api-client.ts';
import type { Deployment } from '../support/deployment.ts';
import { runOn } from '../support/provisioning-bench.ts';
import { findInconsistencies } from '../support/sql-oracle.ts';

type Api = Pick<ReturnType<typeof createApiClient>, 'register'>;

/** `broken`: the connection ended without an answer. */
type Outcome = number | 'broken';

export type Registration = {
  /** What came back, in turn; only the last may be a promise that the tenant will be there. */
  outcomes: Outcome[];
  /** Of the slowest answer. */
  tookMs: number;
  tenantId: string;
};

export type Wave = {
  name: string;
  count: number;
  /** Between the starts of two registrations; all at once unless told otherwise. */
  everyMs?: number;
};

/** What a client may be told to come back for. 409 too: a twin of its own request is still at work. */
const repeatable: readonly Outcome[] = ['broken', 409, 429, 503];
const repeatAfterMs = 250;
/** Only ends a test that fails. */
const giveUpAfterMs = 120_000;

/** Registers organizations as patient clients do: each repeats with its Idempotency-Key until it is accepted. */
export async function register(
  apis: readonly Api[],
  { name, count, everyMs = 0 }: Wave,
): Promise<Registration[]> {
  return Promise.all(
    Array.from({ length: count }, async (_, index) => {
      await delay(everyMs * index);
      return registerOne(apis, `${name} ${index}`);
    }),
  );
}

async function registerOne(apis: readonly Api[], name: string): Promise<Registration> {
  const key = name.replaceAll(' ', '-');
  const outcomes: Outcome[] = [];
  let tookMs = 0;
  const deadline = Date.now() + giveUpAfterMs;
  for (let turn = 0; Date.now() < deadline; turn += 1) {
    const askedAt = Date.now();
    const api = apis[turn % apis.length] as Api;
    const answer = await api
      .register(name, `${key}@example.com`, { 'idempotency-key': key })
      .catch((error: unknown) => asBroken(error));
    tookMs = Math.max(tookMs, Date.now() - askedAt);
    outcomes.push(answer === 'broken' ? 'broken' : answer.status);
    if (answer !== 'broken' && (answer.status === 201 || answer.status === 202)) {
      return { outcomes, tookMs, tenantId: answer.body.data.tenant_id };
    }
    if (answer !== 'broken') expect(repeatable, JSON.stringify(answer.body)).toContain(answer.status);
    await delay(repeatAfterMs);
  }
  throw new Error(`"${name}" was never accepted: ${outcomes.join(', ')}`);
}

/** What fetch says of a connection that was refused or that ended; whatever else is thrown is a mistake here. */
function asBroken(error: unknown): 'broken' {
  if (error instanceof TypeError && /fetch failed|terminated/.test(error.message)) return 'broken';
  throw error;
}

export function answersOf(registrations: readonly Registration[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const outcome of registrations.flatMap(({ outcomes }) => outcomes)) {
    counts[outcome] = (counts[outcome] ?? 0) + 1;
  }
  return counts;
}

export const slowestMs = (registrations: readonly Registration[]): number =>
  Math.max(...registrations.map(({ tookMs }) => tookMs));

/**
 * Waits until each accepted registration has its tenant, and then looks, in SQL, that there is nothing else:
 * as many databases as tenants, one event for each, nothing without a name and no name without its thing.
 */
export async function expectExactlyOneEach(
  deployment: Deployment,
  registrations: readonly Registration[],
): Promise<void> {
  const { server, registryName } = deployment;
  const databasePrefix = deployment.environment.TENANT_DB_PREFIX ?? '';
  const count = registrations.length;
  const registry = (sql: string) => runOn(server, registryName, sql).then(({ rows }) => rows);
  expect(new Set(registrations.map(({ tenantId }) => tenantId)).size).toBe(count);

  await expect
    .poll(() => registry('SELECT status, count(*)::int FROM tenant_registry GROUP BY status'), {
      timeout: giveUpAfterMs,
    })
    .toEqual([{ status: 'active', count }])
    .catch(async (error: unknown) => {
      expectNoCrash(deployment);
      throw new Error(await describeOpenRuns(deployment), { cause: error });
    });
  const tenants = await registry('SELECT id FROM tenant_registry');
  const accepted = registrations.map(({ tenantId }) => tenantId);
  expect(tenants.map(({ id }) => id).toSorted()).toEqual(accepted.toSorted());

  const events = await registry(
    `SELECT payload->>'tenant_id' AS id FROM outbox WHERE topic = 'event.tenant.activated'`,
  );
  expect(events.map(({ id }) => id).toSorted()).toEqual(accepted.toSorted());
  const databases = await runOn(
    server,
    'postgres',
    `SELECT count(*)::int FROM pg_database WHERE starts_with(datname, '${databasePrefix}')`,
  );
  expect(databases.rows).toEqual([{ count }]);
  expect(await findInconsistencies(server, { registry: registryName, databasePrefix })).toEqual([]);
}

/** What is known of runs that do not end, for whoever reads the failure of a test. */
async function describeOpenRuns({ server, registryName, processes }: Deployment): Promise<string> {
  const { rows } = await runOn(
    server,
    registryName,
    `SELECT status, current_step, owner IS NOT NULL AS owned, now() - heartbeat_at AS silent,
            attempts, rings, error_code, error_detail, count(*)::int
       FROM provisioning_runs WHERE status IN ('pending', 'processing') GROUP BY 1, 2, 3, 4, 5, 6, 7, 8 LIMIT 10`,
  );
  const logs = processes.workers.map(({ program }) => program.output().slice(-3_000));
  return ['Not all became active.', JSON.stringify(rows, null, 2), ...logs].join('\n');
}

/** The processes that were started are those that are there now; none says that something went unhandled. */
export function expectNoCrash({ processes }: Deployment): void {
  for (const { program } of [...processes.apis, ...processes.workers]) {
    expect(() => process.kill(program.pid, 0), program.output().slice(-2_000)).not.toThrow();
    expect(program.output()).not.toContain('A defect');
  }
}

/** Does something again and again until so many tenants are active. */
export async function whileUnfinished(
  { server, registryName }: Deployment,
  count: number,
  disturb: () => Promise<void>,
): Promise<void> {
  const countActive = `SELECT count(*)::int AS count FROM tenant_registry WHERE status = 'active'`;
  const deadline = Date.now() + giveUpAfterMs;
  for (;;) {
    const { rows } = await runOn(server, registryName, countActive);
    if (rows[0].count >= count) return;
    if (Date.now() > deadline) throw new Error(`Only ${rows[0].count} of ${count} became active`);
    await disturb();
  }
}
