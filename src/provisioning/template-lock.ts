import { setTimeout as delay } from 'node:timers/promises';
import { openServerSession, type ServerSession } from '../databases/server-session.ts';
import { errors } from '../errors/catalogue.ts';
import type { TemplateNeeds, TemplatePlace } from './template-place.ts';
import { endSilentHolder, startLockHeart, type WatchedLock } from './watched-lock.ts';

/** Waiting is parted into slices, so that a stop is heeded and a holder that hangs is noticed. */
const sliceMs = 1_000;
const waitMs = 120_000;
const statementTimeoutMs = 600_000;
/** Even a build that hangs lets others try in the end. */
const workMs = 30 * 60_000;
/** How long work that was told to stop may take to clear up behind itself. */
const clearUpMs = 5_000;

/** A template's place with its lock in hand: nobody else builds or drops copies there. */
export type LockedPlace = TemplatePlace & { session: ServerSession };

/**
 * Works on the copies of a template on a server, one process at a time. A holder that hangs is ended by those
 * who wait; a stopped one is let go after a grace, whatever it is doing.
 * @throws database_server_busy, deadline_exceeded, the signal's reason
 */
export async function withTemplateLock<T>(
  needs: TemplateNeeds,
  place: TemplatePlace,
  work: (locked: LockedPlace) => Promise<T>,
): Promise<T> {
  const { applicationName } = needs;
  const session = await openServerSession(place.server, { applicationName, statementTimeoutMs });
  try {
    await takeLock(needs, place, session);
    return await workAlive(needs, place, { session, work });
  } finally {
    await session.close();
  }
}

const lockOf = ({ template, server }: TemplatePlace): WatchedLock => ({
  key: `template:${template.id}`,
  heart: `template:${template.id}:${server.id}`,
  work: `The building of the template "${template.key}"`,
  workMs,
});

async function takeLock(needs: TemplateNeeds, place: TemplatePlace, session: ServerSession): Promise<void> {
  const lock = lockOf(place);
  const deadline = Date.now() + waitMs;
  do {
    place.signal.throwIfAborted();
    if (await session.lock(lock.key, sliceMs)) return;
    await endSilentHolder(needs, session, lock);
  } while (Date.now() < deadline);
  throw errors.serverBusy(`another process is building the template "${place.template.key}"`);
}

type Work<T> = { session: ServerSession; work: (locked: LockedPlace) => Promise<T> };

async function workAlive<T>(
  needs: TemplateNeeds,
  place: TemplatePlace,
  { session, work }: Work<T>,
): Promise<T> {
  const heart = await startLockHeart(needs, session, lockOf(place));
  const signal = AbortSignal.any([place.signal, heart.signal]);
  try {
    return await untilAborted(work({ ...place, session, signal }), signal);
  } finally {
    await heart.stop();
  }
}

/** Work that heeds its signal ends by itself and says why; other work is left behind. */
async function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const ended = new AbortController();
  const abandoned = async () => {
    if (!signal.aborted) await aborted(signal, ended.signal);
    await delay(clearUpMs, undefined, { signal: ended.signal });
    throw signal.reason;
  };
  try {
    return await Promise.race([work, abandoned()]);
  } finally {
    ended.abort();
  }
}

function aborted(signal: AbortSignal, ended: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    signal.addEventListener('abort', () => resolve(), { once: true, signal: ended });
  });
}
