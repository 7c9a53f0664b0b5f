import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect } from 'vitest';

const settleMs = 10_000;
const pollMs = 50;

/** The kinds that keep a process alive when somebody forgets them. */
const watchedKinds = ['TCPSocketWrap', 'TCPServerWrap', 'PipeWrap', 'ProcessWrap', 'Timeout', 'Immediate'];

/**
 * Fails the test file that leaves a socket, server, pipe, child process or timer behind. Call it at the top
 * level, before the file's own hooks: hooks of the end run last-in first-out, so this one comes last.
 */
export function failOnLeaks(): void {
  let before: Record<string, number> = {};
  beforeAll(() => {
    before = countResources();
  });
  afterAll(async () => {
    // Closing is asynchronous, and fetch keeps a connection for some seconds.
    const deadline = Date.now() + settleMs;
    while (leakedSince(before).length > 0 && Date.now() < deadline) await sleep(pollMs);
    expect(leakedSince(before), 'left behind by this file').toEqual([]);
  });
}

function leakedSince(before: Record<string, number>): string[] {
  const now = countResources();
  return watchedKinds.flatMap((kind) => {
    const more = (now[kind] ?? 0) - (before[kind] ?? 0);
    return more > 0 ? [`${more} ${kind}`] : [];
  });
}

function countResources(): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const kind of process.getActiveResourcesInfo()) counts[kind] = (counts[kind] ?? 0) + 1;
  return counts;
}
