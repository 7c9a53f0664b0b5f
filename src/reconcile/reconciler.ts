import type { Logger } from '../telemetry/logger.ts';
import type { Repair } from './apply-repairs.ts';
import { type Found, findingKinds, keyOf } from './finding.ts';
import type { Reconcile } from './reconcile.ts';
import type { Unchecked } from './unchecked.ts';

export type ReconcilerNeeds = {
  tend: Reconcile['tend'];
  /** Whether it is this process's turn: one in the installation looks at a time. */
  hold: () => Promise<boolean>;
  intervalMs: number;
  /** Told what does not agree after each look; undefined when it is another process's turn. */
  onFindings?: (found: readonly Found[] | undefined) => void;
  log: Logger;
};

/**
 * Looks again and again, and mends what needs nobody to look at it first. What stays is said once, when it is
 * found, and once more when it is gone.
 */
export function startReconciler({ tend, hold, intervalMs, onFindings, log }: ReconcilerNeeds) {
  const stopping = new AbortController();
  const said = createSaid(log);
  let isFailing = false;
  let timer: NodeJS.Timeout | undefined;
  let underway = Promise.resolve();

  async function look(): Promise<void> {
    try {
      const isOurTurn = await hold();
      if (isOurTurn) {
        const { found, unchecked, repairs } = await tend(stopping.signal);
        said.update(
          found.filter((each) => !isMended(each, repairs)),
          unchecked,
        );
      }
      onFindings?.(isOurTurn ? said.known() : undefined);
      isFailing = false;
    } catch (error) {
      if (!isFailing && !stopping.signal.aborted)
        log.warn({ err: error }, 'Comparing the registry with the servers failed; it is tried again');
      isFailing = true;
    }
    schedule();
  }

  function schedule(): void {
    if (stopping.signal.aborted) return;
    timer = setTimeout(() => {
      underway = look();
    }, intervalMs);
  }

  schedule();

  return {
    async stop(): Promise<void> {
      stopping.abort();
      clearTimeout(timer);
      await underway;
    },
  };
}

/** All that is wrong with a tenant is one repair, under the name of the first thing. */
function isMended({ subject, server, tenantId, action }: Found, repairs: readonly Repair[]): boolean {
  return repairs.some(
    (repair) =>
      repair.outcome === 'done' &&
      repair.server === server &&
      (tenantId === undefined ? repair.subject === subject : repair.tenant_id === tenantId) &&
      repair.actions.some((each) => each === action),
  );
}

function createSaid(log: Logger) {
  let known = new Map<string, Found>();
  let unseen = new Map<string, string>();

  function tellUnchecked(unchecked: readonly Unchecked[]): void {
    const now = new Map(unchecked.map(({ subject, reason }) => [subject, reason]));
    for (const [subject, reason] of now) {
      if (!unseen.has(subject)) log.warn({ subject }, `${subject} cannot be compared: ${reason}`);
    }
    for (const subject of unseen.keys()) {
      if (!now.has(subject)) log.info({ subject }, `${subject} is compared again`);
    }
    unseen = now;
  }

  return {
    update(found: readonly Found[], unchecked: readonly Unchecked[]): void {
      const now = new Map(found.map((each) => [keyOf(each), each]));
      for (const [key, { kind, server, subject, detail }] of now) {
        if (known.has(key)) continue;
        log.warn(
          { invariant: findingKinds[kind], kind, server, subject, findings: now.size },
          `Registry and servers do not agree: ${detail}`,
        );
      }
      for (const [key, each] of known) {
        if (now.has(key)) continue;
        const { kind, server, subject } = each;
        // A server that was not looked at has not become any better.
        if (unchecked.some((place) => place.subject === server)) now.set(key, each);
        else log.info({ kind, server, subject, findings: now.size }, 'What did not agree is mended');
      }
      known = now;
      tellUnchecked(unchecked);
    },
    known: (): readonly Found[] => [...known.values()],
  };
}
