import { readdir, readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { createMasterSeal } from '../../src/registry/master-seal.ts';
import { createWorkerOpener } from '../../src/registry/worker-seal.ts';
import { runOn } from '../support/provisioning-bench.ts';

/** What was found where: everything that may be read there, as text. */
export type Place = { name: string; read: () => Promise<string> };

/** Looks often enough to see a program that runs for as long as pg_dump needs for a small database. */
const lookEveryMs = 5;

/** Arguments and environments of all processes that descend from one, from now on. */
export function watchChildren(root: number) {
  const seen = new Map<string, string>();
  let isOver = false;

  async function look(parent: number): Promise<void> {
    const ownArgs = await readProc(parent, 'cmdline');
    for (const child of await childrenOf(parent)) {
      // In this order: what has got arguments of its own has got its own environment, too.
      const args = await readProc(child, 'cmdline');
      const environment = await readProc(child, 'environ');
      // Until it becomes another program, a fork is the process itself once more.
      if (args !== '' && args !== ownArgs) seen.set(`${child} ${args}`, `${args}\n${environment}`);
      await look(child);
    }
  }

  const looking = (async () => {
    while (!isOver) {
      await look(root);
      await delay(lookEveryMs);
    }
  })();

  return {
    text: () => [...seen.values()].join('\n'),
    async stop(): Promise<void> {
      isOver = true;
      await looking;
    },
  };
}

/** Each thread keeps those that it started. */
async function childrenOf(pid: number): Promise<number[]> {
  const threads = await readdir(`/proc/${pid}/task`).catch(whenGone([]));
  const lists = await Promise.all(threads.map((thread) => readProc(pid, `task/${thread}/children`)));
  return lists.flatMap((list) => list.split(' ').filter(Boolean).map(Number));
}

async function readProc(pid: number, file: string): Promise<string> {
  const text = await readFile(`/proc/${pid}/${file}`, 'utf8').catch(whenGone(''));
  return text.replaceAll('\0', ' ');
}

/** A process may end while it is looked at. */
function whenGone<Nothing>(nothing: Nothing) {
  return (error: NodeJS.ErrnoException): Nothing => {
    if (error.code === 'ENOENT' || error.code === 'ESRCH') return nothing;
    throw error;
  };
}

/** Every command that a Redis is given, from now on: what it holds was said to it. */
export async function watchRedis(url: string) {
  const client = new Redis(url);
  const monitor = await client.monitor();
  const commands: string[] = [];
  monitor.on('monitor', (_time: string, args: string[]) => commands.push(args.join(' ')));
  return {
    client,
    text: () => commands.join('\n'),
    stop(): void {
      monitor.disconnect();
      client.disconnect();
    },
  };
}

export async function everythingInRedis(client: Redis): Promise<string> {
  const keys = await client.keys('*');
  const values = await Promise.all(
    keys.map(async (key) => `${key} ${(await client.dumpBuffer(key))?.toString('latin1')}`),
  );
  return values.join('\n');
}

export async function everyRow(server: Parameters<typeof runOn>[0], database: string): Promise<string> {
  const tables = await runOn(
    server,
    database,
    "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace",
  );
  const rows = await Promise.all(
    tables.rows.map(({ relname }) => runOn(server, database, `SELECT t::text AS row FROM "${relname}" t`)),
  );
  return rows.flatMap((result) => result.rows.map(({ row }) => row)).join('\n');
}

type Sealed = {
  server: Parameters<typeof runOn>[0];
  registry: string;
  tenantId: string;
  MASTER_ENCRYPTION_KEY: string;
  WORKER_SECRET_KEY: string;
};

/** What both roles of a tenant log in with, opened as its processes open it. */
export async function databasePasswords(sealed: Sealed): Promise<Record<string, string>> {
  const look = `SELECT * FROM tenant_registry WHERE id = '${sealed.tenantId}'`;
  const [row] = (await runOn(sealed.server, sealed.registry, look)).rows;
  const owner: string = row.database_id;
  const master = createMasterSeal(sealed.MASTER_ENCRYPTION_KEY);
  const worker = createWorkerOpener(sealed.WORKER_SECRET_KEY);
  return {
    'password of the application': master.unsealWithDataKey(
      row.sealed_data_key,
      row.sealed_application_password,
      { owner, column: 'application_password' },
    ),
    'password of the migrator': worker.openAsWorker(row.sealed_migrator_password, {
      owner,
      column: 'migrator_password',
    }),
  };
}

/** Which of the secrets are to be read there, in the clear or as they are written in URLs and in base64. */
export function findCanaries(text: string, canaries: Readonly<Record<string, string>>): string[] {
  return Object.entries(canaries)
    .filter(([, value]) => formsOf(value).some((form) => text.includes(form)))
    .map(([name]) => name);
}

function formsOf(value: string): string[] {
  const bytes = Buffer.from(value);
  return [
    value,
    encodeURIComponent(value),
    bytes.toString('base64').replace(/=+$/, ''),
    bytes.toString('base64url'),
    bytes.toString('hex'),
  ];
}
