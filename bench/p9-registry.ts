import { withServers } from './bench-server.ts';
import type { Benchmark, BenchOptions } from './benchmark.ts';
import { type Fleet, startFleet } from './fleet.ts';
import { fillRegistry, idOf, password } from './registry-rows.ts';
import { type Goal, type Measurement, ratioGoal, type Section } from './result.ts';
import { openRouteLookup, type RouteLookup } from './route-lookup.ts';
import { takeTurns, timed, type Way } from './take-turns.ts';

const sizes = { full: [1_000, 100_000], small: [100, 1_000] } as const;
const asksPerRound = { full: 20, small: 2 } as const;
const tolerated = { ratio: 1.3, cachedMicroseconds: 50, bytesPerTenant: 4_096 } as const;
const jobs = ['resolve', 'login', 'list', 'list, last page', 'search', 'stats'] as const;
type Job = (typeof jobs)[number];

const what: Record<Job, string> = {
  resolve: 'A tenant by its id, not in memory: one read of the registry.',
  login: '`POST /api/auth/login` of a random admin; most of it is the hash.',
  list: '`GET /api/admin/tenants?limit=50`, the newest.',
  'list, last page': 'The same, sorted by name, beginning after a name near the end.',
  search: '`GET /api/admin/tenants?q=…` for a part of one name.',
  stats: '`GET /api/admin/stats`.',
};

export const p9: Benchmark = {
  id: 'P9',
  title: 'A registry with many tenants',
  about:
    'Tenants as rows only, in two registries beside each other on one server, each with an api process of its own. Every job is asked of both in turns, and its answer is looked at. A registry of a thousand is what each is measured against.',
  run: (options) =>
    withServers(async (servers) => {
      const fleets: Filled[] = [];
      for (const tenants of sizes[modeOf(options)]) {
        options.say(`P9: ${tenants} tenants`);
        const fleet = await startFleet(servers, { warmPool: 0 });
        fleets.push({ tenants, fleet, lookup: await openRouteLookup(servers, fleet) });
        await fillRegistry(fleet, tenants);
      }
      try {
        return [await measure(fleets, options)];
      } finally {
        for (const { fleet, lookup } of fleets) {
          await lookup.close();
          await fleet.stop();
        }
      }
    }),
};

const modeOf = ({ isSmall }: BenchOptions) => (isSmall ? 'small' : 'full');

type Filled = { tenants: number; fleet: Fleet; lookup: RouteLookup };

async function measure(fleets: readonly Filled[], options: BenchOptions): Promise<Section> {
  const asks = asksPerRound[modeOf(options)];
  const ways = jobs.flatMap((job) => fleets.map((filled) => wayOf(job, filled, asks)));
  const measurements = await takeTurns({ ways, rounds: options.rounds });
  const largest = fleets.at(-1);
  if (largest === undefined) throw new Error('There are two sizes.');
  const memory = await largest.lookup.measureMemory(Math.min(10_000, largest.tenants));
  return {
    title: `${fleets.map(({ tenants }) => tenants.toLocaleString('en-US')).join(' and ')} tenants`,
    measurements,
    goals: [
      ...jobs.map((job) => growthGoal(job, fleets, measurements)),
      atMost('a resolve from memory', {
        value: memory.microseconds,
        limit: tolerated.cachedMicroseconds,
        unit: 'µs',
      }),
      atMost('memory for a tenant that was resolved', {
        value: memory.bytesPerTenant,
        limit: tolerated.bytesPerTenant,
        unit: 'bytes',
      }),
    ],
  };
}

const nameOf = (job: Job, tenants: number) => `${job}, of ${tenants.toLocaleString('en-US')}`;

function growthGoal(job: Job, fleets: readonly Filled[], measurements: readonly Measurement[]): Goal {
  const [base, value] = fleets.map(({ tenants }) =>
    measurements.find(({ name }) => name === nameOf(job, tenants)),
  );
  if (base === undefined || value === undefined) throw new Error('Every job is measured at both sizes.');
  return ratioGoal(`${job}: at most ${tolerated.ratio} × the small registry`, {
    value,
    base,
    bound: { atMost: tolerated.ratio },
  });
}

function atMost(text: string, { value, limit, unit }: { value: number; limit: number; unit: string }): Goal {
  return {
    text: `${text}: at most ${limit} ${unit}`,
    verdict: value <= limit ? 'met' : 'missed',
    finding: `${value.toFixed(1)} ${unit}`,
  };
}

function wayOf(job: Job, filled: Filled, asks: number): Way {
  const { tenants } = filled;
  return {
    name: nameOf(job, tenants),
    what: what[job],
    async run(round) {
      const faults: string[] = [];
      const { ms } = await timed(async () => {
        for (let count = 0; count < asks; count += 1) {
          // Spread over the whole registry, and another one each time.
          const tenant = 1 + (((round + 2) * 7_919 + count * 104_729) % tenants);
          faults.push(...(await ask(job, filled, tenant)));
        }
      });
      return { value: ms / asks, faults };
    },
  };
}

/** @returns what is wrong with the answer. */
async function ask(job: Job, { tenants, fleet, lookup }: Filled, tenant: number): Promise<string[]> {
  const operator = fleet.api.as({ 'x-admin-key': fleet.deployment.adminKey });
  switch (job) {
    case 'resolve':
      return faultIf(
        (await lookup.resolve(idOf(tenant))) !== `company-${tenant}`,
        'another tenant was found',
      );
    case 'login': {
      const email = `admin${tenant}@rows.example`;
      const { status, body } = await fleet.api.post('/api/auth/login', { email, password });
      const isExpected =
        tenant % 50 === 0 ? status === 409 : status === 200 && body.data.tenant_id === idOf(tenant);
      return faultIf(!isExpected, `the login was answered with ${status}`);
    }
    case 'list': {
      const { body } = await operator.get('/api/admin/tenants?limit=50');
      return faultIf(body.data?.length !== Math.min(50, tenants), 'the page has another length');
    }
    case 'list, last page': {
      const { body } = await operator.get('/api/admin/tenants?limit=50&sort=-name');
      const cursor = encodeURIComponent(body.page.next_cursor);
      const next = await operator.get(`/api/admin/tenants?limit=50&sort=-name&cursor=${cursor}`);
      return faultIf(
        next.body.data?.length !== Math.min(50, tenants - 50),
        'the second page has another length',
      );
    }
    case 'search': {
      const { body } = await operator.get(`/api/admin/tenants?q=company-${tenant}&limit=50`);
      const slugs: string[] = body.data?.map(({ slug }: { slug: string }) => slug) ?? [];
      return faultIf(
        !slugs.every((slug) => slug.includes(`company-${tenant}`)) || slugs.length === 0,
        'it found others',
      );
    }
    case 'stats': {
      const { body } = await operator.get('/api/admin/stats');
      return faultIf(
        body.data?.tenants.by_status.suspended !== Math.floor(tenants / 50),
        'the counts are wrong',
      );
    }
  }
}

const faultIf = (isWrong: boolean, fault: string): string[] => (isWrong ? [fault] : []);
