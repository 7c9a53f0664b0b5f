import type { Logger } from '../telemetry/logger.ts';
import type { Repair } from './apply-repairs.ts';
import { type Found, findingKinds, keyOf } from './finding.ts';
import type { Reconcile } from './reconcile.ts';

export type ReconcilerNeeds = {
  tend: Reconcile['tend'];
  /** Whether it is this process's turn: one in the installation looks at a time. */
  hold: () => Promise<boolean>;
  intervalMs: number;
  log: Logger;
};

/**
 * Looks again and again, and mends what needs nobody to look at it first. What stays is said once, when it is
 * found, and once more when it is gone.
 */
export function startReconciler({ tend, hold, intervalMs, log }: ReconcilerNeeds) {
  const stopping = new AbortController();
  const said = createSaid(log);
  let isFailing = false;
  let timer: NodeJS.Timeout | undefined;
  let underway = Promise.resolve();

  async function look(): Promise<void> {
    try {
      if (await hold()) {
        const { found, repairs } = await tend(stopping.signal);
        said.update(found.filter((each) => !isMended(each, repairs)));
      }
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

  return {
    update(found: readonly Found[]): void {
      const now = new Map(found.map((each) => [keyOf(each), each]));
      for (const [key, { kind, server, subject, detail }] of now) {
        if (known.has(key)) continue;
        log.warn(
          { invariant: findingKinds[kind], kind, server, subject, findings: now.size },
          `Registry and servers do not agree: ${detail}`,
        );
      }
      for (const [key, { kind, server, subject }] of known) {
        if (!now.has(key))
          log.info({ kind, server, subject, findings: now.size }, 'What did not agree is mended');
      }
      known = now;
    },
  };
}
