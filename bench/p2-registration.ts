import { createArgon2Queue } from '../src/identity/argon2-queue.ts';
import { type BenchServers, withServers } from './bench-server.ts';
import type { Benchmark, BenchOptions } from './benchmark.ts';
import { type Fleet, startFleet } from './fleet.ts';
import { hasWarmDatabases } from './installation.ts';
import { excessGoal, type Goal, type Measurement, type Section, succeeded, tailGoal } from './result.ts';
import { quantile } from './statistics.ts';
import { type Trial, takeTurns, timed, type Way } from './take-turns.ts';

const names = { register: 'tenant-manager, registration', hash: 'argon2 hash' } as const;
const warmPool = 2;
/** So many that one per cent of them is more than the worst alone. */
const fullRounds = 200;
const smallRounds = 1;

export const p2: Benchmark = {
  id: 'P2',
  title: 'Registration over HTTP, hashing included',
  about:
    'One caller after the other: `POST /api/auth/register-organization` until the `201` with its token, against hashing a password with the same parameters in a process that does nothing else. The hash is the physical floor: no registration can be stored without it.',
  run: (options) =>
    withServers(async (servers) => [
      ...(hasWarmDatabases ? [await measure(servers, options, { isWarm: true })] : []),
      await measure(servers, options, { isWarm: false }),
    ]),
};

async function measure(
  servers: BenchServers,
  { isSmall, say }: BenchOptions,
  { isWarm }: { isWarm: boolean },
): Promise<Section> {
  const rounds = isSmall ? smallRounds : fullRounds;
  say(`P2: ${isWarm ? 'warm' : 'clone'}, ${rounds} registrations`);
  const fleet = await startFleet(servers, { warmPool: isWarm ? warmPool : 0 });
  try {
    const ways = [registrationWay(fleet, isWarm), hashWay];
    const measurements = await takeTurns({ ways, rounds, warmups: isSmall ? 0 : 1 });
    const title = isWarm ? 'With warm databases' : 'Without warm databases: each is cloned meanwhile';
    return { title, measurements, notes: notesOf(measurements), goals: isWarm ? goalsOf(measurements) : [] };
  } finally {
    await fleet.stop();
  }
}

function registrationWay(fleet: Fleet, isWarm: boolean): Way {
  return {
    name: names.register,
    floor: names.hash,
    what: isWarm ? 'POST → 201, a warm database waiting.' : 'POST → 201, through queue and worker.',
    async run(): Promise<Trial> {
      // The next caller comes when the pool is full again, so that refilling it takes nobody's time.
      if (isWarm) await fleet.untilWarm(warmPool);
      const { ms, result } = await timed(() => fleet.register());
      return { value: ms, faults: await faultsOf(fleet, result, isWarm) };
    },
  };
}

/** The token must open the new tenant's own database. */
async function faultsOf(
  { api, inRegistry }: Fleet,
  { status, body }: Awaited<ReturnType<Fleet['register']>>,
  isWarm: boolean,
): Promise<string[]> {
  if (status !== 201) return [`it was answered with ${status}`];
  const look = await api.withToken(body.data.access_token).get('/api/data/companies');
  const [run] = await inRegistry<{ way: string | null }>(
    `SELECT way FROM provisioning_runs WHERE id = '${body.data.provisioning_id}'`,
  );
  return [
    ...(look.status === 200 && look.body.length === 0 ? [] : [`its database answers with ${look.status}`]),
    ...((run?.way === 'warm') === isWarm ? [] : [`it was made by the way ${run?.way}`]),
  ];
}

const alone = createArgon2Queue({ atOnce: 1 });

const hashWay: Way = {
  name: names.hash,
  what: 'The same parameters as the system’s, on an idle process.',
  async run() {
    const { ms, result } = await timed(() => alone.hash('Test123!'));
    return { value: ms, faults: result.startsWith('$argon2id$') ? [] : ['it is no argon2id hash'] };
  },
};

const figures = [
  ['p50', 0.5],
  ['p99', 0.99],
] as const;

function notesOf(measurements: readonly Measurement[]): string[] {
  return measurements.map((each) => {
    const texts = figures.map(([name, share]) => `${name} ${quantile(succeeded(each), share).toFixed(1)} ms`);
    return `${each.name}: ${texts.join(', ')}`;
  });
}

function goalsOf([value, base]: readonly Measurement[]): Goal[] {
  if (value === undefined || base === undefined) return [];
  return [
    excessGoal('warm p50: at most the hash + 30 ms', { value, base, atMostMs: 30 }),
    tailGoal('warm p99: at most the hash + 100 ms', { value, base, atMostMs: 100 }),
  ];
}
