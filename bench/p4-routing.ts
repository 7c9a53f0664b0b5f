import { withServers } from './bench-server.ts';
import type { Benchmark, BenchOptions } from './benchmark.ts';
import { type Fleet, startFleet } from './fleet.ts';
import { applyLoad, type LoadReport } from './load.ts';
import { makeRealTenants, type RealTenant, readCanary } from './real-tenants.ts';
import { type Measurement, ratioGoal, type Section } from './result.ts';
import { startRival } from './rivals.ts';
import { takeTurns, type Way } from './take-turns.ts';

const names = { router: 'tenant-manager', floor: 'Fastify, jose and one pg.Pool on one database' } as const;
const sizes = {
  full: { tenants: [1, 200], clients: 32, forMs: 5_000 },
  small: { tenants: [1, 3], clients: 4, forMs: 500 },
} as const;

/** One for each of the hot tenants and each of the clients, and as many again for the floor and the registry. */
const manyConnections = { max_connections: '400' };
const budget = '300';

export const p4: Benchmark = {
  id: 'P4',
  title: 'Requests through the router',
  about:
    'Clients that ask again as soon as they have their answer read one row of their tenant, over connections that are open already. The floor verifies the same token and sends the same two statements in the same round trip, to one database of one pool: no tenant is looked up, no connection is chosen. Every row is looked at.',
  run: (options) =>
    withServers(async (servers) => {
      const { tenants: counts, clients } = sizes[options.isSmall ? 'small' : 'full'];
      const most = Math.max(...counts);
      options.say(`P4: ${most} tenants are made`);
      const fleet = await startFleet(servers, {
        warmPool: 0,
        environment: {
          MAX_TOTAL_CONNECTIONS: budget,
          MAX_CONNECTIONS_PER_TENANT: String(clients),
          LEASE_TIMEOUT_MS: '20000',
        },
      });
      try {
        const tenants = await makeRealTenants(fleet, most);
        const sections: Section[] = [];
        for (const count of counts) {
          options.say(`P4: ${count} hot tenants`);
          sections.push(await measure({ fleet, servers, tenants: tenants.slice(0, count) }, options));
        }
        return sections;
      } finally {
        await fleet.stop();
      }
    }, manyConnections),
};

type Place = { fleet: Fleet; servers: Parameters<typeof startFleet>[0]; tenants: readonly RealTenant[] };

async function measure({ fleet, servers, tenants }: Place, options: BenchOptions): Promise<Section> {
  const { clients, forMs } = sizes[options.isSmall ? 'small' : 'full'];
  const [first] = tenants;
  if (first === undefined) throw new Error('There is no tenant.');
  const { host, port, admin } = servers.postgres;
  const floor = await startRival({
    kind: 'one pool',
    jwtSecret: fleet.deployment.environment.JWT_SECRET ?? '',
    login: { host, port, ...admin },
    databaseOf: Object.fromEntries(tenants.map(({ id }) => [id, first.database])),
    maxConnections: clients,
    connectionsPerTenant: clients,
  });
  const tails = { router: newTail(names.router), floor: newTail(names.floor) };
  const trial = async (which: keyof typeof names, round: number) => {
    const origin = which === 'router' ? fleet.api.origin : floor.origin;
    const report = await applyLoad({
      origin,
      path: readCanary,
      // The floor knows one database only.
      tenants:
        which === 'router' ? tenants : tenants.map(({ token }) => ({ token, expected: first.expected })),
      clients,
      forMs,
      seed: round + 10,
    });
    if (round >= 0) tails[which].values.push(report.served === 0 ? null : report.p99);
    return { value: report.perSecond, faults: faultsOf(report) };
  };
  const ways: Way[] = [
    {
      name: names.router,
      floor: names.floor,
      what: `${clients} clients, ${tenants.length} tenants all alike.`,
      unit: 'per s',
      run: (round) => trial('router', round),
    },
    { name: names.floor, what: 'The same clients.', unit: 'per s', run: (round) => trial('floor', round) },
  ];
  const measurements = await takeTurns({ ways, rounds: options.rounds }).finally(floor.stop);
  const [value, base] = measurements;
  if (value === undefined || base === undefined) throw new Error('Nothing was measured.');
  return {
    title: tenants.length === 1 ? 'One hot tenant' : `${tenants.length} hot tenants`,
    measurements: [...measurements, tails.router, tails.floor],
    goals: [
      ratioGoal('at least 0.95 of the floor’s requests', { value, base, bound: { atLeast: 0.95 } }),
      ratioGoal('p99: at most 1.1 × the floor’s', {
        value: tails.router,
        base: tails.floor,
        bound: { atMost: 1.1 },
      }),
    ],
  };
}

function newTail(of: string): Measurement {
  return { name: `${of}, p99`, what: 'The slowest of a hundred.', unit: 'ms', values: [], errors: [] };
}

export function faultsOf({ faults }: LoadReport): string[] {
  return Object.entries(faults).map(([fault, count]) => `${count} × ${fault}`);
}
