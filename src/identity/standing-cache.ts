import { LRUCache } from 'lru-cache';
import type { SessionStanding } from '../registry/repositories/sessions.ts';

/**
 * How long a process may believe what it read about a session. Every change is announced to all processes;
 * this bounds the wait of those that miss the announcement.
 */
const defaultBelieveForMs = 15_000;
/** About 2 MB. */
const defaultMaxSessions = 10_000;

export type StandingCacheNeeds = {
  load: (sessionId: string) => Promise<SessionStanding | undefined>;
  believeForMs?: number;
  maxSessions?: number;
};

/** Remembers what sessions allow. A load that began before a change was announced is not remembered. */
export function createStandingCache(needs: StandingCacheNeeds) {
  const { load, believeForMs = defaultBelieveForMs, maxSessions = defaultMaxSessions } = needs;
  const known = new LRUCache<string, SessionStanding>({ max: maxSessions, ttl: believeForMs });
  const loading = new Map<string, Promise<SessionStanding | undefined>>();
  let changes = 0;

  async function loadOnce(sessionId: string): Promise<SessionStanding | undefined> {
    const changesBefore = changes;
    const standing = await load(sessionId);
    if (standing !== undefined && changes === changesBefore) known.set(sessionId, standing);
    return standing;
  }

  return {
    /** What the session allows; one query for all who ask for it at the same time. */
    read(sessionId: string): Promise<SessionStanding | undefined> {
      const standing = known.get(sessionId);
      if (standing !== undefined) return Promise.resolve(standing);
      const underWay = loading.get(sessionId);
      if (underWay !== undefined) return underWay;
      const started = loadOnce(sessionId).finally(() => {
        if (loading.get(sessionId) === started) loading.delete(sessionId);
      });
      loading.set(sessionId, started);
      return started;
    },

    forgetUser(userId: string): void {
      changes += 1;
      loading.clear();
      const theirs = [...known.entries()].filter(([, standing]) => standing.userId === userId);
      for (const [sessionId] of theirs) known.delete(sessionId);
    },

    forgetAll(): void {
      changes += 1;
      loading.clear();
      known.clear();
    },
  };
}

export type StandingCache = ReturnType<typeof createStandingCache>;
