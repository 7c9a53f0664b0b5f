import { openServerSession, type ServerSession } from '../databases/server-session.ts';
import { errors } from '../errors/catalogue.ts';
import type { TemplateNeeds, TemplatePlace } from './template-place.ts';
import { endSilentHolder, type WatchedLock, workUnderLock } from './watched-lock.ts';

/** Waiting is parted into slices, so that a stop is heeded and a holder that hangs is noticed. */
const sliceMs = 1_000;
const waitMs = 120_000;
const statementTimeoutMs = 600_000;
/** Even a build that hangs lets others try in the end. */
const usualWorkMs = 30 * 60_000;

type LockNeeds = Pick<TemplateNeeds, 'registry' | 'applicationName' | 'workMs' | 'log'>;

/** A template's place with its lock in hand: nobody else builds or drops copies there. */
export type LockedPlace = TemplatePlace & { session: ServerSession };

/**
 * Works on the copies of a template on a server, one process at a time. A holder that hangs is ended by those
 * who wait; a stopped one is let go after a grace, whatever it is doing.
 * @throws database_server_busy, deadline_exceeded, the signal's reason
 */
export async function withTemplateLock<T>(
  needs: LockNeeds,
  place: TemplatePlace,
  work: (locked: LockedPlace) => Promise<T>,
): Promise<T> {
  const { applicationName } = needs;
  const session = await openServerSession(place.server, { applicationName, statementTimeoutMs });
  try {
    const lock = lockOf(needs, place);
    await takeLock(needs, place, { session, lock });
    return await workUnderLock(needs, {
      session,
      lock,
      signal: place.signal,
      work: (signal) => work({ ...place, session, signal }),
    });
  } finally {
    await session.close();
  }
}

const lockOf = ({ workMs }: LockNeeds, { template, server }: TemplatePlace): WatchedLock => ({
  key: `template:${template.id}`,
  heart: `template:${template.id}:${server.id}`,
  work: `The building of the template "${template.key}"`,
  workMs: workMs ?? usualWorkMs,
});

async function takeLock(
  needs: LockNeeds,
  place: TemplatePlace,
  { session, lock }: { session: ServerSession; lock: WatchedLock },
): Promise<void> {
  const deadline = Date.now() + waitMs;
  do {
    place.signal.throwIfAborted();
    if (await session.lock(lock.key, sliceMs)) return;
    await endSilentHolder(needs, session, lock);
  } while (Date.now() < deadline);
  throw errors.serverBusy(`another process is building the template "${place.template.key}"`);
}
