import { setTimeout as sleep } from 'node:timers/promises';
import { findInconsistencies } from '../test/support/sql-oracle.ts';
import { bestCloneRate } from './bare-clones.ts';
import { type BenchServers, withServers } from './bench-server.ts';
import type { Benchmark, BenchOptions } from './benchmark.ts';
import { bestHandRate, templateOf } from './by-hand-burst.ts';
import { type Fleet, startFleet } from './fleet.ts';
import { startProbe } from './probe.ts';
import { type Measurement, ratioGoal, type Section } from './result.ts';
import { quantile } from './statistics.ts';
import { describeError, takeTurns, type Way } from './take-turns.ts';

const names = {
  burst: 'tenant-manager, burst',
  byHand: 'by hand: hash, clone, roles, sealing, logins, fingerprint, best of 2 to 8',
  clones: 'CREATE DATABASE … TEMPLATE, best of 1 to 8',
  busy: 'a tenant’s request during the burst, p99',
  idle: 'the same request before it, p99',
} as const;

const sizes = { full: { tenants: 500, idleMs: 10_000 }, small: { tenants: 20, idleMs: 1_000 } } as const;
/** Rarely enough that the questions themselves are no load, even where a busy machine answers slowly. */
const probeEveryMs = 100;

export const p3: Benchmark = {
  id: 'P3',
  title: 'A burst of registrations, no warm database left',
  about:
    'All are posted at once to one api process, with one worker of `QUEUE_CONCURRENCY=4`; the clock stops when the last tenant is active. The physical floor is the best rate at which the same server clones the same template, over 1, 2, 4 and 8 connections, and nothing else to do: no roles, no logins, no passwords to hash. What all of that costs on the same cores is said by the script that does it by hand. Meanwhile another tenant asks for its rows at a fixed rate, from a process of its own.',
  async run(options) {
    return [await measure(options)];
  },
};

/** Each trial has servers of its own, so that none inherits the databases of another, or waits until they are dropped. */
async function measure(options: BenchOptions): Promise<Section> {
  const { isSmall, rounds, say } = options;
  const { tenants, idleMs } = isSmall ? sizes.small : sizes.full;
  const latencies: Latencies = { idle: newMeasurement(names.idle), busy: newMeasurement(names.busy) };
  const ways: Way[] = [
    {
      name: names.burst,
      floor: names.clones,
      what: `${tenants} registrations, from the first request until the last is active.`,
      unit: 'per s',
      run: (round) =>
        withServers((servers) => burstTrial(servers, { round, tenants, idleMs, latencies, say })),
    },
    {
      name: names.byHand,
      floor: names.clones,
      what: `As many tenants, shared by the numbers of hands; nothing of it survives a crash.`,
      unit: 'per s',
      run: () => withServers((servers) => handTrial(servers, tenants)),
    },
    {
      name: names.clones,
      what: `As many clones of the sample, shared by the numbers of connections.`,
      unit: 'per s',
      run: () => withServers(({ postgres }) => bestCloneRate(postgres, tenants)),
    },
  ];
  const measurements = await takeTurns({ ways, rounds, warmups: 0 });
  const [burst, byHand, bare] = measurements;
  if (burst === undefined || byHand === undefined || bare === undefined)
    throw new Error('Nothing was measured.');
  return {
    title: `${tenants} registrations at once`,
    measurements: [...measurements, latencies.busy, latencies.idle],
    goals: [
      ratioGoal('at least 0.8 of the best bare clone rate', {
        value: burst,
        base: bare,
        bound: { atLeast: 0.8 },
      }),
      ratioGoal('at least 0.8 of the rate by hand (the bare rate leaves no core for hashes and logins)', {
        value: burst,
        base: byHand,
        bound: { atLeast: 0.8 },
      }),
      {
        text: 'nobody is rejected, nobody is forgotten, nothing is left over',
        verdict: burst.errors.length === 0 ? 'met' : 'missed',
        finding: `${burst.errors.length} errors`,
      },
      ratioGoal('p99 of another tenant’s requests: at most 2 × idle', {
        value: latencies.busy,
        base: latencies.idle,
        bound: { atMost: 2 },
      }),
    ],
  };
}

/** The template is built by a fleet that makes nothing else. */
async function handTrial(servers: BenchServers, tenants: number) {
  const fleet = await startFleet(servers, { warmPool: 0 });
  const template = await templateOf(fleet).finally(fleet.stopProcesses);
  return bestHandRate(servers, { template, tenants });
}

type Latencies = { idle: Measurement; busy: Measurement };

function newMeasurement(name: string): Measurement {
  const what = `GET /api/data/companies every ${probeEveryMs} ms.`;
  return {
    name,
    what,
    unit: 'ms',
    values: [],
    errors: [],
    ...(name === names.busy && { floor: names.idle }),
  };
}

type Burst = {
  round: number;
  tenants: number;
  idleMs: number;
  latencies: Latencies;
  say: (line: string) => void;
};

async function burstTrial(servers: BenchServers, { tenants, idleMs, latencies, ...burst }: Burst) {
  burst.say(`P3: round ${burst.round}, ${tenants} registrations`);
  const fleet = await startFleet(servers, { warmPool: 0 });
  try {
    const probe = await probeOf(fleet);
    await note(latencies.idle, probe(), () => sleep(idleMs));
    const [ms, answers] = await note(latencies.busy, probe(), () => registerAll(fleet, tenants));
    return { value: (tenants * 1_000) / ms, faults: await faultsOf(servers, fleet, { tenants, answers }) };
  } finally {
    await fleet.stopProcesses();
  }
}

async function probeOf({ api, register }: Fleet) {
  const neighbour = await register();
  if (neighbour.status !== 201) throw new Error(`The other tenant was answered with ${neighbour.status}.`);
  const target = {
    url: `${api.origin}/api/data/companies`,
    token: neighbour.body.data.access_token,
    everyMs: probeEveryMs,
  };
  return () => startProbe(target);
}

async function note<Result>(
  measurement: Measurement,
  probe: ReturnType<typeof startProbe>,
  work: () => Promise<Result>,
): Promise<Result> {
  const result = await work().catch(async (error: unknown) => {
    await probe.stop();
    throw error;
  });
  const { times, faults } = await probe.stop();
  measurement.errors.push(...faults);
  measurement.values.push(times.length === 0 ? null : quantile(times, 0.99));
  return result;
}

/** A status, or what happened instead of an answer. */
type Answer = number | string;

/** @returns how long it took until the last was active, and how each was answered. */
async function registerAll(fleet: Fleet, tenants: number): Promise<[ms: number, answers: Answer[]]> {
  const start = performance.now();
  const answering = Array.from({ length: tenants }, () =>
    fleet.register().then(({ status }) => status, describeError),
  );
  const answers = await Promise.all(answering);
  const accepted = answers.filter((status) => status === 201 || status === 202).length;
  // And the tenant that asks meanwhile.
  await fleet.until(async () => (await countActive(fleet)) >= accepted + 1, `${accepted} active tenants`);
  return [performance.now() - start, answers];
}

async function countActive({ inRegistry }: Fleet): Promise<number> {
  const [row] = await inRegistry<{ count: number }>(
    `SELECT count(*)::int AS count FROM tenant_registry WHERE status = 'active'`,
  );
  return row?.count ?? 0;
}

async function faultsOf(
  { postgres }: BenchServers,
  { deployment, inRegistry }: Fleet,
  { tenants, answers }: { tenants: number; answers: readonly Answer[] },
): Promise<string[]> {
  const rejected = answers.filter((status) => status !== 201 && status !== 202);
  const [told] = await inRegistry<{ count: number }>(
    `SELECT count(DISTINCT payload->>'tenant_id')::int AS count FROM outbox WHERE topic = 'event.tenant.activated'`,
  );
  return [
    ...rejected.map((status) => `a registration was answered with ${status}`),
    ...(told?.count === tenants - rejected.length + 1
      ? []
      : [`${told?.count} tenants were told of as active`]),
    ...(await findInconsistencies(postgres, {
      registry: deployment.registryName,
      databasePrefix: deployment.environment.TENANT_DB_PREFIX ?? '',
    })),
  ];
}
