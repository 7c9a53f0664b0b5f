import { setTimeout as delay } from 'node:timers/promises';
import { startPgBouncer } from '../test/support/pgbouncer.ts';
import { type BenchServers, openAdmin, withServers } from './bench-server.ts';
import type { Benchmark, BenchOptions } from './benchmark.ts';
import { type Fleet, startFleet } from './fleet.ts';
import { applyLoad, type Load } from './load.ts';
import { faultsOf } from './p4-routing.ts';
import { makeRealTenants, type RealTenant, readCanary } from './real-tenants.ts';
import { type Goal, type Measurement, medianOf, ratioGoal, type Section } from './result.ts';
import { type RivalKind, startRival } from './rivals.ts';
import { type Trial, takeTurns, type Way } from './take-turns.ts';

/** So many seats a worker keeps for itself with one run at a time. */
const workerSeats = 6;
const forMs = { full: 1_000, small: 500 } as const;

/** Tenants, all asked alike or by Zipf's law, on a budget of connections. */
type Plan = { tenants: readonly number[]; budget: number; zipf?: number };
type Plans = { plans: readonly Plan[]; clients: readonly number[] };

const rivals: readonly RivalKind[] = [
  'one pool',
  'least recently used',
  'a connection for each request',
  'PgBouncer',
];
const ours = 'tenant-manager';

/** For all ways together; each has what a server with 100 would give it, so that none is in the way of another. */
const enoughConnections = { max_connections: '600' };
/** Of 100, three are kept for superusers. */
const connectionsOfEach = 97;

const about =
  'Tenants share a budget of connections. Clients ask for one row of a tenant chosen at random, again as soon as they have it. Measured beside what one finds when one looks for it: a cache of `pg.Pool`s of which the least recently used is ended, a connection for each request, PgBouncer with the same budget (`max_user_connections`), and, as the floor, one pool on one database for all. Each of these has a role of its own with at most 97 connections, as if `max_connections` were 100 for it alone. What fails there is counted and does not count as served.';

export const p5: Benchmark = {
  id: 'P5',
  title: 'Many tenants, few connections',
  about,
  run: (options) =>
    measureAll(options, {
      full: {
        plans: [
          { tenants: [50], budget: 60 },
          { tenants: [50], budget: 40 },
        ],
        clients: [10, 20, 50],
      },
      small: { plans: [{ tenants: [10], budget: 8 }], clients: [4] },
    }),
};

/** Apart from the other: to make so many databases takes ten minutes. */
export const p5Zipf: Benchmark = {
  id: 'P5Z',
  title: 'Very many tenants, few connections',
  about,
  run: (options) =>
    measureAll(options, {
      full: { plans: [{ tenants: [500, 2_000], budget: 50, zipf: 1.1 }], clients: [10, 20, 50] },
      small: { plans: [{ tenants: [6, 12], budget: 8, zipf: 1.1 }], clients: [4] },
    }),
};

function measureAll(
  options: BenchOptions,
  { full, small }: { full: Plans; small: Plans },
): Promise<Section[]> {
  return withServers(async (servers) => {
    const { plans, clients } = options.isSmall ? small : full;
    const sections: Section[] = [];
    for (const plan of plans) {
      const fleet = await startFleet(servers, { warmPool: 0, environment: environmentOf(plan) });
      try {
        for (const place of await placesOf({ servers, fleet, plan }, options)) {
          for (const count of clients) sections.push(await measure({ ...place, clients: count }, options));
        }
      } finally {
        await fleet.stop();
      }
    }
    return sections;
  }, enoughConnections);
}

const environmentOf = ({ budget }: Plan) => ({
  MAX_TOTAL_CONNECTIONS: String(budget + workerSeats),
  QUEUE_CONCURRENCY: '1',
  REGISTRY_DB_POOL_MAX: '5',
  LEASE_TIMEOUT_MS: '20000',
});

type Planned = { servers: BenchServers; fleet: Fleet; plan: Plan };
type Place = Planned & { tenants: readonly RealTenant[]; clients: number };

/** The first of the same tenants, and all of them: to make so many takes minutes. */
async function placesOf(planned: Planned, { say }: BenchOptions): Promise<Omit<Place, 'clients'>[]> {
  const { tenants: counts, budget } = planned.plan;
  const most = Math.max(...counts);
  say(`P5: ${most} tenants on ${budget} connections are made`);
  const all = await makeRealTenants(planned.fleet, most);
  return counts.map((count) => ({ ...planned, tenants: all.slice(0, count) }));
}

async function measure(place: Place, options: BenchOptions): Promise<Section> {
  const { fleet, tenants, clients } = place;
  const { budget, zipf } = place.plan;
  options.say(`P5: ${tenants.length} tenants on ${budget} connections, ${clients} clients`);
  const field = await openField(place);
  const load = {
    path: readCanary,
    clients,
    forMs: forMs[options.isSmall ? 'small' : 'full'],
    ...(zipf !== undefined && { zipf }),
  };
  const losses = new Map<string, string[]>();

  async function runOurs(round: number): Promise<Trial> {
    const stopWatching = await watchSessions(place.servers);
    const report = await applyLoad({ ...load, origin: fleet.api.origin, tenants, seed: round + 10 });
    const most = await stopWatching();
    const excess = most > budget ? [`${most} connections were open`] : [];
    return { value: report.perSecond, faults: [...faultsOf(report), ...excess] };
  }

  async function runRival({ kind, origin, tenants: asked }: Opponent, round: number): Promise<Trial> {
    const report = await applyLoad({ ...load, origin, tenants: asked, seed: round + 10 });
    const lost = Object.values(report.faults).reduce((sum, count) => sum + count, 0);
    const share = ((100 * lost) / Math.max(1, lost + report.served)).toFixed(1);
    losses.set(kind, [...(losses.get(kind) ?? []), `${share} %`]);
    return { value: report.perSecond, faults: [] };
  }

  const what = `${clients} clients, at most ${budget} connections.`;
  const ways: Way[] = [
    { name: ours, floor: 'one pool', what, unit: 'per s', run: runOurs },
    ...field.opponents.map(
      (opponent): Way => ({
        name: opponent.kind,
        what: 'The same clients.',
        unit: 'per s',
        run: (round) => runRival(opponent, round),
      }),
    ),
  ];
  const measurements = await takeTurns({ ways, rounds: options.rounds }).finally(field.stop);
  return {
    title: `${tenants.length} tenants${zipf === undefined ? '' : ` (Zipf ${zipf})`} on ${budget} connections, ${clients} clients`,
    measurements,
    notes: [...losses].map(([kind, shares]) => `${kind}: of its requests failed ${shares.join(', ')}`),
    goals: goalsOf(measurements, tenants.length <= budget),
  };
}

type Opponent = { kind: RivalKind; origin: string; tenants: Load['tenants'] };

/** The other ways, each as a process, and the pooler that one of them has in between. */
async function openField({ servers, fleet, tenants, plan: { budget } }: Place) {
  const { host, port } = servers.postgres;
  const [first] = tenants;
  if (first === undefined) throw new Error('There is no tenant.');
  const loginOf = await makeRivalRoles(servers, tenants);
  const bouncer = await startPgBouncer({
    server: servers.postgres,
    login: loginOf('PgBouncer'),
    mode: 'transaction',
    isLenient: true,
    poolSize: 1,
    maxConnections: budget,
  });
  const start = async (kind: RivalKind) => {
    const isOne = kind === 'one pool';
    const rival = await startRival({
      kind,
      jwtSecret: fleet.deployment.environment.JWT_SECRET ?? '',
      login: { host, port: kind === 'PgBouncer' ? bouncer.port : port, ...loginOf(kind) },
      databaseOf: Object.fromEntries(
        tenants.map(({ id, database }) => [id, isOne ? first.database : database]),
      ),
      // As many pools as there may be connections; behind PgBouncer connections cost nothing.
      maxConnections: kind === 'PgBouncer' ? tenants.length : budget,
      connectionsPerTenant: 10,
    });
    // The one pool leads to one database, whoever asks.
    const asked = isOne ? tenants.map(({ token }) => ({ token, expected: first.expected })) : tenants;
    return { kind, origin: rival.origin, tenants: asked, stop: rival.stop };
  };
  const opponents = await Promise.all(rivals.map(start));
  return {
    opponents,
    async stop(): Promise<void> {
      await Promise.all(opponents.map(({ stop }) => stop()));
      await bouncer.stop();
    },
  };
}

/** @returns the login of each; it may do what the tenants' own roles may. */
async function makeRivalRoles({ postgres }: BenchServers, tenants: readonly RealTenant[]) {
  const admin = await openAdmin(postgres, 'postgres');
  const { rows } = await admin.query<{ role: string }>(
    `SELECT grantee::regrole::text AS role FROM pg_database, aclexplode(datacl)
      WHERE datname = ANY ($1) AND privilege_type = 'CONNECT' AND grantee::regrole::text ~ '^a_'`,
    [tenants.map(({ database }) => database)],
  );
  const userOf = (kind: RivalKind) => `rival_${rivals.indexOf(kind)}`;
  const password = 'rival';
  for (const user of rivals.map(userOf)) {
    await admin.query(`DROP ROLE IF EXISTS ${user}`);
    await admin.query(
      `CREATE ROLE ${user} LOGIN PASSWORD '${password}' CONNECTION LIMIT ${connectionsOfEach}`,
    );
    for (const { role } of rows) await admin.query(`GRANT ${role} TO ${user}`);
  }
  await admin.end();
  return (kind: RivalKind) => ({ user: userOf(kind), password });
}

function goalsOf([value, ...others]: readonly Measurement[], fits: boolean): Goal[] {
  const [floor, lru, , bouncer] = others;
  if (value === undefined || floor === undefined || lru === undefined || bouncer === undefined) return [];
  const isClean = value.errors.length === 0;
  return [
    {
      text: 'nothing fails, and the budget is never exceeded',
      verdict: isClean ? 'met' : 'missed',
      finding: isClean ? `${medianOf(value).toFixed(0)} per s` : `${value.errors.length} errors`,
    },
    ...(fits
      ? [
          ratioGoal('at least 0.9 of one pool on one database', {
            value,
            base: floor,
            bound: { atLeast: 0.9 },
          }),
        ]
      : [
          ratioGoal('at least 3 × the least recently used', { value, base: lru, bound: { atLeast: 3 } }),
          ratioGoal('more than PgBouncer', { value, base: bouncer, bound: { atLeast: 1 } }),
        ]),
  ];
}

/** @returns what stops it, and gives the most sessions of tenants' application roles in any look. */
async function watchSessions({ postgres }: BenchServers): Promise<() => Promise<number>> {
  const admin = await openAdmin(postgres, 'postgres');
  let [most, isStopped] = [0, false];
  const watching = (async () => {
    while (!isStopped) {
      const { rows } = await admin.query<{ count: number }>(
        "SELECT count(*)::int AS count FROM pg_stat_activity WHERE usename ~ '^a_'",
      );
      most = Math.max(most, rows[0]?.count ?? 0);
      await delay(10);
    }
  })();
  return async () => {
    isStopped = true;
    await watching;
    await admin.end();
    return most;
  };
}
