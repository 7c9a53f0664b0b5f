import type { Fingerprint } from '../src/databases/database-server.ts';
import { createArgon2Queue } from '../src/identity/argon2-queue.ts';
import { createNaming } from '../src/provisioning/database-names.ts';
import type { BenchServers } from './bench-server.ts';
import { type HandMade, makeByHand } from './by-hand.ts';
import type { Fleet } from './fleet.ts';
import type { TemplateFacts } from './installation.ts';
import { type Trial, timed } from './take-turns.ts';

const atOnceCounts = [2, 4, 8];
const passwords = createArgon2Queue({});

/** The template from which a fleet clones, once its worker has built it. */
export async function templateOf({ inRegistry, until }: Fleet): Promise<TemplateFacts> {
  const read = () =>
    inRegistry<{ database: string; fingerprint: Fingerprint; installation: string }>(
      `SELECT database_name AS database, fingerprint, installation_id AS installation
         FROM template_copies, installation WHERE status = 'ready'`,
    );
  await until(async () => (await read()).length > 0, 'a template');
  const [copy] = await read();
  if (copy === undefined) throw new Error('The template has gone.');
  const { installation: installationId, database, fingerprint } = copy;
  const { neutral } = createNaming({ installationId, databasePrefix: 'bench_', style: 'opaque' });
  return { database, fingerprint, neutral };
}

export type HandBurst = { template: TemplateFacts; tenants: number };

/**
 * Tenants a second at best of several numbers of hands, which share them, when a script in one process does for each what a tenant needs: the hash of a
 * password, clone, two roles, sealing, two logins, fingerprint. No registry, no queue, nothing survives a crash.
 */
export async function bestHandRate({ postgres }: BenchServers, burst: HandBurst): Promise<Trial> {
  const rates: number[] = [];
  const made: HandMade[] = [];
  const tenants = Math.ceil(burst.tenants / atOnceCounts.length);
  for (const atOnce of atOnceCounts) {
    const { ms, result } = await timed(() => makeMany(postgres, { ...burst, tenants, atOnce }));
    rates.push((tenants * 1_000) / ms);
    made.push(...result);
  }
  return { value: Math.max(...rates), faults: made.flatMap(({ faults }) => faults) };
}

type Many = HandBurst & { atOnce: number };

async function makeMany(postgres: BenchServers['postgres'], { template, tenants, atOnce }: Many) {
  const made: HandMade[] = [];
  let left = tenants;
  const hand = async () => {
    while (left > 0) {
      left -= 1;
      await passwords.hash('Test123!');
      made.push(await makeByHand(postgres, template));
    }
  };
  await Promise.all(Array.from({ length: atOnce }, hand));
  return made;
}
