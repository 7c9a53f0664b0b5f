import type { DatabaseServer } from '../../src/databases/database-server.ts';
import { sqlState } from '../../src/databases/sql-state.ts';
import { openTenantConnection } from '../../src/databases/tenant-connection.ts';

export type Login = { user: string; password: string };

/** When, seen from the creation of the attacked database. */
type Moment = 'before' | 'creating' | 'opening';

export type Attack = ReturnType<typeof startAttack>;

/** Many logins at once hide the time that each spends waiting for the server. */
const LOOPS = 12;

/** Connects to `database` in loops, with real and complete logins, until it is stopped. */
export function startAttack(server: DatabaseServer, login: Login, database: string) {
  const outcomes = new Map<string, number>();
  const waiting: { isOver: () => boolean; resolve: () => void }[] = [];
  let moment: Moment = 'before';
  let isStopped = false;
  let entries = 0;
  let duringCreation = 0;
  let afterOpening = 0;

  async function attempt(): Promise<void> {
    const began = moment;
    const outcome = await connect();
    outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
    if (outcome === 'entered') entries += 1;
    if (began === 'creating' && moment === 'creating') duringCreation += 1;
    if (began === 'opening') afterOpening += 1;
    for (const waiter of waiting) if (waiter.isOver()) waiter.resolve();
  }

  async function connect(): Promise<string> {
    try {
      const request = { address: server, database, ...login, applicationName: 'attacker' };
      const client = await openTenantConnection({ ...request, connectTimeoutMs: 30_000 });
      await client.query('SELECT 1');
      await client.end();
      return 'entered';
    } catch (error) {
      return sqlState(error) ?? String(error);
    }
  }

  async function loop(): Promise<void> {
    while (!isStopped) await attempt();
  }

  function until(isOver: () => boolean): Promise<void> {
    if (isOver()) return Promise.resolve();
    return new Promise((resolve) => waiting.push({ isOver, resolve }));
  }

  const loops = Array.from({ length: LOOPS }, loop);

  return {
    /** Attempts that began after the creation did and ended before the opening did. */
    duringCreation: () => duringCreation,
    entries: () => entries,
    outcomes: () => outcomes,
    markCreating: () => {
      moment = 'creating';
    },
    markOpening: () => {
      moment = 'opening';
    },
    untilDuringCreation: (count: number) => until(() => duringCreation >= count),
    untilAfterOpening: (count: number) => until(() => afterOpening >= count),
    stop: async () => {
      isStopped = true;
      await Promise.all(loops);
    },
  };
}
