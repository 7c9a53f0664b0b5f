import { setTimeout as delay } from 'node:timers/promises';
import { endLockHolders, readBackend } from '../databases/lock-holders.ts';
import { openServerSession, type ServerSession } from '../databases/server-session.ts';
import { errors } from '../errors/catalogue.ts';
import {
  beatOn,
  findSilentHolder,
  type Heart,
  startBeating,
  stopBeating,
} from '../registry/repositories/heartbeats.ts';
import type { TemplateNeeds, TemplatePlace } from './template-place.ts';

/** Waiting is parted into slices, so that a stop is heeded and a holder that hangs is noticed. */
const sliceMs = 1_000;
const waitMs = 120_000;
const beatEveryMs = 1_000;
const silentAfterMs = 5_000;
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

const lockKey = ({ template }: TemplatePlace) => `template:${template.id}`;
const heartName = ({ template, server }: TemplatePlace) => `template:${template.id}:${server.id}`;

async function takeLock(needs: TemplateNeeds, place: TemplatePlace, session: ServerSession): Promise<void> {
  const deadline = Date.now() + waitMs;
  do {
    place.signal.throwIfAborted();
    if (await session.lock(lockKey(place), sliceMs)) return;
    await endSilentHolder(needs, place, session);
  } while (Date.now() < deadline);
  throw errors.serverBusy(`another process is building the template "${place.template.key}"`);
}

/** A process that was stopped in its tracks keeps its session, and with it the lock, for ever. */
async function endSilentHolder(
  { registry, log }: TemplateNeeds,
  place: TemplatePlace,
  session: ServerSession,
): Promise<void> {
  const holder = await findSilentHolder(registry, heartName(place), silentAfterMs);
  if (holder === undefined) return;
  // Only the one that was silent: another may have taken the lock since, and be about to beat.
  const ended = await endLockHolders(session, lockKey(place), backendOf(holder));
  if (ended > 0)
    log.warn({ template: place.template.key }, 'Ended the session of a template builder that hangs');
}

const holderOf = (backend: number) => `backend ${backend}`;
const backendOf = (holder: string) => Number(holder.replace('backend ', ''));

type Work<T> = { session: ServerSession; work: (locked: LockedPlace) => Promise<T> };

async function workAlive<T>(
  needs: TemplateNeeds,
  place: TemplatePlace,
  { session, work }: Work<T>,
): Promise<T> {
  const heart = await startHeart(needs, place, session);
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

/** Tells those who wait that this process is alive; tells this process when they have ended its session. */
async function startHeart({ registry, log }: TemplateNeeds, place: TemplatePlace, session: ServerSession) {
  const heart: Heart = { name: heartName(place), holder: holderOf(await readBackend(session)) };
  const stopping = new AbortController();
  const giveUp = (error: Error) => stopping.abort(error);
  const unwritten = (error: unknown) =>
    log.warn({ err: error }, 'Heartbeat of a template builder not written');
  await startBeating(registry, heart);
  const timer = setInterval(() => {
    beatOn(registry, heart).then((isOurs) => {
      if (!isOurs) giveUp(errors.serverBusy('another process has taken over the building of the template'));
    }, unwritten);
  }, beatEveryMs);
  const deadline = setTimeout(
    () => giveUp(errors.deadlineExceeded(`Building the template "${place.template.key}"`, workMs)),
    workMs,
  );
  return {
    signal: stopping.signal,
    async stop(): Promise<void> {
      clearInterval(timer);
      clearTimeout(deadline);
      await stopBeating(registry, heart).catch(unwritten);
    },
  };
}
