import { LRUCache } from 'lru-cache';
import type { Tallies, Tally } from './tally.ts';

/** An attacker has more addresses than a process has memory: the oldest are forgotten first. */
const mostKeys = 50_000;

/** Counts of this process alone. */
export function createLocalTallies(windowMs: number): Tallies {
  const windows = new LRUCache<string, { count: number; endsAt: number }>({ max: mostKeys, ttl: windowMs });

  function change(key: string, by: number): Tally {
    const now = Date.now();
    const known = windows.get(key);
    const isOpen = known !== undefined && known.endsAt > now;
    const window = isOpen ? known : { count: 0, endsAt: now + windowMs };
    window.count = Math.max(0, window.count + by);
    if (!isOpen && window.count > 0) windows.set(key, window);
    return { count: window.count, resetMs: window.endsAt - now };
  }

  return {
    add: async (key) => change(key, 1),
    read: async (key) => change(key, 0),
    takeBack: async (key) => void change(key, -1),
    clear: async (key) => void windows.delete(key),
  };
}
