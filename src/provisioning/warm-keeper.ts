import { createBell } from '../registry/bell.ts';
import type { Messages } from '../registry/messages.ts';
import { type DatabaseServerRow, listServers } from '../registry/repositories/database-servers.ts';
import { announceNeedsRun } from '../registry/repositories/warm-databases.ts';
import { createOutages } from './outages.ts';
import { createWarmLook, type WarmLookNeeds, type WarmOutcome } from './warm-look.ts';

export type WarmKeeperNeeds = Omit<WarmLookNeeds, 'outages'> & {
  /** Whether a seed or a rename is due after a claim. */
  needsRun: boolean;
  messages: Pick<Messages, 'on' | 'onReconnect'>;
  /** Instead of the usual pauses before the next look, and after a first failure. */
  pauseMs?: number | undefined;
};

/** Messages may be lost, and what is on the servers changes without any: the keeper looks by itself this often. */
const usualLookEveryMs = 10_000;
/** How soon it looks whether those who come first are through. */
const lookAgainMs = 500;

/**
 * Keeps the pools of all servers at their size, at once when one was claimed or a template was replaced. It is
 * only there to be faster: whatever is in its way is said in the log, and harms no registration.
 */
export function createWarmKeeper(needs: WarmKeeperNeeds) {
  const { registry, messages, log, pauseMs } = needs;
  const lookEveryMs = pauseMs ?? usualLookEveryMs;
  const outages = createOutages(log, pauseMs);
  const lookAtPool = createWarmLook({ ...needs, outages });
  const stopping = new AbortController();
  const { signal } = stopping;
  const bell = createBell();
  let life: Promise<void> = Promise.resolve();

  async function look(): Promise<WarmOutcome[]> {
    try {
      const servers = await listServers(registry);
      outages.end('registry', 'The registry tells again what is to be warmed');
      return await Promise.all(servers.map(lookAtServer));
    } catch (error) {
      outages.begin('registry', { error, what: 'What is to be warmed cannot be looked up' });
      return [];
    }
  }

  async function lookAtServer(server: DatabaseServerRow): Promise<WarmOutcome> {
    if (!outages.isDue(server.id)) return 'done';
    try {
      const outcome = await lookAtPool(server, signal);
      outages.end(server.id, `The warm databases of server "${server.name}" are kept again`);
      return outcome;
    } catch (error) {
      if (signal.aborted) return 'done';
      const what = `The warm databases of server "${server.name}" cannot be kept, so that registrations wait for a clone`;
      outages.begin(server.id, { error, what });
      return 'done';
    }
  }

  async function live(): Promise<void> {
    const stopListening = messages.on('warm.wanted', bell.ring);
    messages.onReconnect(bell.ring);
    while (!signal.aborted) {
      const outcomes = await look();
      await bell.wait(outcomes.includes('gaveWay') ? lookAgainMs : lookEveryMs, signal);
    }
    stopListening();
  }

  return {
    /**
     * Call before anybody may claim: says whether a registration may take what is there without a worker. What
     * was announced last holds for all workers.
     */
    announce: () => announceNeedsRun(registry, needs.needsRun),

    start(): void {
      if (!signal.aborted) life = live();
    },

    async stop(): Promise<void> {
      stopping.abort();
      await life;
    },
  };
}
