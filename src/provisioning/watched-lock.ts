import { setTimeout as delay } from 'node:timers/promises';
import { endLockHolders, endQuietHolders, readBackend } from '../databases/lock-holders.ts';
import type { ServerSession } from '../databases/server-session.ts';
import { errors } from '../errors/catalogue.ts';
import { beatRegularly } from '../registry/beat-regularly.ts';
import type { RegistryDatabase } from '../registry/registry-database.ts';
import {
  beatOn,
  findHolder,
  type Heart,
  startBeating,
  stopBeating,
} from '../registry/repositories/heartbeats.ts';
import type { Logger } from '../telemetry/logger.ts';

const beatEveryMs = 1_000;
const silentAfterMs = 5_000;
/** How long work that was told to stop may take to clear up behind itself. */
const clearUpMs = 5_000;

/** A lock of a server whose holder beats in the registry, so that others can tell that it hangs. */
export type WatchedLock = {
  key: string;
  /** Its name among the heartbeats: unlike the lock, it has to tell servers apart. */
  heart: string;
  /** What is done under it, as it stands in logs and errors: "The building of the template". */
  work: string;
  /** Even work that hangs lets others try in the end. */
  workMs: number;
};

type Needs = { registry: RegistryDatabase; log: Logger };

const holderOf = (backend: number) => `backend ${backend}`;
const backendOf = (holder: string) => Number(holder.replace('backend ', ''));

/**
 * A process that was stopped in its tracks keeps its session, and with it the lock, for ever: also one that was
 * stopped between the lock and its first beat.
 */
export async function endSilentHolder(
  { registry, log }: Needs,
  session: ServerSession,
  { key, heart, work }: WatchedLock,
): Promise<void> {
  const known = await findHolder(registry, heart, silentAfterMs);
  // Only the one that was silent: another may have taken the lock since, and be about to beat.
  const silent = known?.isSilent ? await endLockHolders(session, key, backendOf(known.holder)) : 0;
  const sparing = known === undefined || known.isSilent ? null : backendOf(known.holder);
  const ended = silent + (await endQuietHolders(session, key, { quietMs: silentAfterMs, sparing }));
  if (ended > 0) log.warn({ lock: key }, `${work} hangs in another process: its session was ended`);
}

export type UnderLock<T> = {
  /** Has taken the lock, and is closed by the caller. */
  session: ServerSession;
  lock: WatchedLock;
  signal: AbortSignal;
  work: (signal: AbortSignal) => Promise<T>;
};

/**
 * Works while others can see that this process is alive. Work that is told to stop, by its caller, by whoever
 * has ended its session, or since its time is over, is let go after a grace, whatever it is doing.
 * @throws database_server_busy, deadline_exceeded, the signal's reason
 */
export async function workUnderLock<T>(
  needs: Needs,
  { session, lock, signal, work }: UnderLock<T>,
): Promise<T> {
  const heart = await startHeart(needs, session, lock);
  const stop = AbortSignal.any([signal, heart.signal]);
  try {
    return await untilAborted(work(stop), stop);
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
async function startHeart(
  { registry, log }: Needs,
  session: ServerSession,
  { heart: name, work, workMs }: WatchedLock,
) {
  const heart: Heart = { name, holder: holderOf(await readBackend(session)) };
  const stopping = new AbortController();
  const giveUp = (error: Error) => stopping.abort(error);
  const unwritten = (error: unknown) => log.warn({ err: error, heart: name }, 'Heartbeat not written');
  await startBeating(registry, heart);
  const stopRegularBeats = beatRegularly({
    everyMs: beatEveryMs,
    async beat() {
      if (!(await beatOn(registry, heart)))
        giveUp(errors.serverBusy(`${work} was taken over by another process`));
    },
    onError: unwritten,
  });
  const deadline = setTimeout(() => giveUp(errors.deadlineExceeded(work, workMs)), workMs);
  return {
    signal: stopping.signal,
    async stop(): Promise<void> {
      stopRegularBeats();
      clearTimeout(deadline);
      await stopBeating(registry, heart).catch(unwritten);
    },
  };
}
