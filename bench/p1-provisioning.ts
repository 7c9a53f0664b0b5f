import { randomBytes } from 'node:crypto';
import { findInconsistencies } from '../test/support/sql-oracle.ts';
import { createBareClaim } from './bare-claim.ts';
import { type BenchServers, countObjects, inDatabase, openAdmin, withServers } from './bench-server.ts';
import type { Benchmark, BenchOptions } from './benchmark.ts';
import { makeByHand } from './by-hand.ts';
import { hasWarmDatabases, type Installation, openInstallation, type Provisioned } from './installation.ts';
import { growthSection, type Sized } from './p1-growth.ts';
import { createPsqlCopy } from './psql-copy.ts';
import { type Goal, type Measurement, ratioGoal, type Section } from './result.ts';
import { type SchemaSize, schemaSizes } from './schemas.ts';
import { type Trial, takeTurns, timed, type Way } from './take-turns.ts';

/** Of milliseconds, a process that has just begun makes twice as many: both kinds of claim begin as if at work. */
const claimsBefore = 15;

const names = {
  warm: 'tenant-manager, warm',
  clone: 'tenant-manager, clone',
  byHand: 'by hand: clone, two roles, sealing, two logins, fingerprint',
  dump: 'CREATE DATABASE, pg_dump | psql',
  template: 'CREATE DATABASE … TEMPLATE',
  claim: 'bare claim transaction',
} as const;

export const p1: Benchmark = {
  id: 'P1',
  title: 'Provisioning time, by the size of the schema',
  about:
    'From the request until the tenant is active, hashing of the password left out (that is P2). Clone: request in one process, queue in Redis, worker in another. Warm: the request claims a finished database; no worker runs. The physical floor of a clone is one bare `CREATE DATABASE … TEMPLATE`, that of a claim one durable transaction.',
  async run(options) {
    const sizes = schemaSizes.filter(({ tables }) => options.sizes.includes(tables));
    const sized = await withServers(async (servers) => {
      const all: Sized[] = [];
      for (const size of sizes) {
        all.push({ tables: size.tables, section: await measureSize(servers, size, options) });
      }
      return all;
    });
    const sections = sized.map(({ section }) => section);
    return sized.length < 2 ? sections : [...sections, growthSection(sized, names.warm)];
  },
};

async function measureSize(servers: BenchServers, size: SchemaSize, options: BenchOptions): Promise<Section> {
  const { rounds, say, isSmall } = options;
  const warmups = isSmall ? 0 : 1;
  const ahead = isSmall ? 0 : claimsBefore;
  const turns = rounds + warmups + ahead;
  say(`P1: ${size.tables} tables, ${rounds} rounds`);
  const cold = await openInstallation(servers, { size, warmPool: 0 });
  const warm = hasWarmDatabases ? await openInstallation(servers, { size, warmPool: turns }) : undefined;
  const registry = await openAdmin(servers.postgres, cold.bench.registryName);
  try {
    await warm?.untilWarm(turns);
    // What refills the pool would disturb the ways that are measured meanwhile.
    await warm?.stopWorker();
    const scratch = createScratch(servers, await countObjects(servers.postgres, cold.source));
    const claim = await createBareClaim(registry, turns);
    for (let index = 0; index < ahead; index += 1) {
      await warm?.provision();
      await claim(-ahead - warmups + index);
    }
    const ways = [
      ...(warm === undefined ? [] : [warmWay(warm, scratch)]),
      cloneWay(cold, scratch),
      byHandWay(cold, servers, scratch),
      await dumpWay(cold, servers, scratch),
      templateWay(cold, servers, scratch),
      claimWay(claim),
    ];
    const measurements = await takeTurns({ ways, rounds, warmups, cleanUp: scratch.drop });
    await consultOracle(servers, cold, measurements);
    return { title: titleOf(size), measurements, goals: goalsOf(measurements, size) };
  } finally {
    await registry.end();
    await warm?.stop();
    await cold.stop();
  }
}

const titleOf = ({ tables, indexes }: SchemaSize) =>
  `${tables.toLocaleString('en-US')} tables, ${indexes.toLocaleString('en-US')} indexes`;

type Scratch = ReturnType<typeof createScratch>;

/** Databases that the baselines make, looked at and thrown away outside of every clock. */
function createScratch({ postgres }: BenchServers, expected: string) {
  const made: string[] = [];
  return {
    newName(): string {
      const name = `scratch_${randomBytes(6).toString('hex')}`;
      made.push(name);
      return name;
    },
    keep: (name: string) => made.push(name),
    async faultsOf(database: string): Promise<string[]> {
      const found = await countObjects(postgres, database);
      return found === expected ? [] : [`${database} holds ${found} instead of ${expected}`];
    },
    async drop(): Promise<void> {
      await inDatabase(postgres, 'postgres', async (client) => {
        for (const name of made.splice(0)) await client.query(`DROP DATABASE ${name} WITH (FORCE)`);
      });
    },
  };
}

function warmWay({ provision }: Installation, scratch: Scratch): Way {
  return {
    name: names.warm,
    floor: names.claim,
    what: 'Request → active, in one process, without a queue.',
    run: async () => provisioningTrial(await provision(), { isWarm: true, scratch }),
  };
}

function cloneWay({ provision }: Installation, scratch: Scratch): Way {
  return {
    name: names.clone,
    floor: names.template,
    what: 'Request → queue → worker → active, as the one who asked learns of it.',
    run: async () => provisioningTrial(await provision(), { isWarm: false, scratch }),
  };
}

async function provisioningTrial(
  made: Provisioned,
  { isWarm, scratch }: { isWarm: boolean; scratch: Scratch },
): Promise<Trial> {
  if (made.status !== 'active') return { value: made.ms, faults: [`the tenant is ${made.status}`] };
  const platform = made.admitted.filter((role) => role !== 'postgres');
  return {
    value: made.ms,
    faults: [
      ...(await scratch.faultsOf(made.database)),
      ...((made.way === 'warm') === isWarm ? [] : [`it was made by the way ${made.way}`]),
      ...(platform.length === 2 && !platform.includes('')
        ? []
        : [`admitted are ${made.admitted.join(', ')}`]),
    ],
  };
}

function byHandWay({ template }: Installation, { postgres }: BenchServers, scratch: Scratch): Way {
  return {
    name: names.byHand,
    floor: names.template,
    what: 'One session, one statement after the other; nothing of it survives a crash in the middle.',
    async run() {
      const { ms, database, faults } = await makeByHand(postgres, template);
      scratch.keep(database);
      return { value: ms, faults: [...faults, ...(await scratch.faultsOf(database))] };
    },
  };
}

async function dumpWay({ source }: Installation, servers: BenchServers, scratch: Scratch): Promise<Way> {
  const copy = await createPsqlCopy(servers.postgres);
  return {
    name: names.dump,
    floor: names.template,
    what: 'Schema only; neither roles nor sealing nor a look whether it is complete.',
    run: () =>
      makeDatabase(servers, scratch, async (client, name) => {
        await client.query(`CREATE DATABASE ${name}`);
        await copy(source, name);
      }),
  };
}

function templateWay({ template }: Installation, servers: BenchServers, scratch: Scratch): Way {
  return {
    name: names.template,
    what: 'One statement on an open connection: the floor of a clone.',
    run: () =>
      makeDatabase(servers, scratch, async (client, name) => {
        await client.query(`CREATE DATABASE ${name} TEMPLATE ${template.database} STRATEGY wal_log`);
      }),
  };
}

function makeDatabase(
  { postgres }: BenchServers,
  scratch: Scratch,
  make: (client: Awaited<ReturnType<typeof openAdmin>>, name: string) => Promise<void>,
): Promise<Trial> {
  return inDatabase(postgres, 'postgres', async (client) => {
    const name = scratch.newName();
    const { ms } = await timed(() => make(client, name));
    await client.query(`ALTER DATABASE ${name} ALLOW_CONNECTIONS true`);
    return { value: ms, faults: await scratch.faultsOf(name) };
  });
}

const claimWay = (claim: Way['run']): Way => ({
  name: names.claim,
  what: 'BEGIN, take a free row, COMMIT: the floor of a claim.',
  run: claim,
});

/** What stands on the server is what the registry says, after everything. */
async function consultOracle(
  { postgres }: BenchServers,
  { bench }: Installation,
  measurements: readonly Measurement[],
): Promise<void> {
  const found = await findInconsistencies(postgres, {
    registry: bench.registryName,
    databasePrefix: bench.config.TENANT_DB_PREFIX,
  });
  measurements.find(({ name }) => name === names.clone)?.errors.push(...found);
}

function goalsOf(measurements: readonly Measurement[], { tables }: SchemaSize): Goal[] {
  const the = (name: string) => measurements.find((measurement) => measurement.name === name);
  const [warm, clone, byHand, dump, claim] = [
    names.warm,
    names.clone,
    names.byHand,
    names.dump,
    names.claim,
  ].map(the);
  if (clone === undefined || byHand === undefined || dump === undefined || claim === undefined) return [];
  const cloneGoal = ratioGoal('clone: at most 1.3 × the same by hand', {
    value: clone,
    base: byHand,
    bound: { atMost: 1.3 },
  });
  if (warm === undefined) return [cloneGoal];
  const claimGoal = ratioGoal('warm: at most 4 × a bare claim transaction', {
    value: warm,
    base: claim,
    bound: { atMost: 4 },
  });
  const dumpGoal = ratioGoal('dump and restore: at least 50 × a warm registration', {
    value: dump,
    base: warm,
    bound: { atLeast: 50 },
  });
  return [claimGoal, ...(tables === 139 ? [dumpGoal] : []), cloneGoal];
}
