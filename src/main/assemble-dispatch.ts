import pLimit from 'p-limit';
import { createForgottenRunsLook } from '../provisioning/forgotten-runs.ts';
import { createQueue, type Queue } from '../queue/create-queue.ts';
import { jobs } from '../queue/jobs.ts';
import { createOutboxRelay } from '../queue/outbox-relay.ts';
import type { OutboxRow } from '../queue/outbox-sender.ts';
import { startSweeper } from '../queue/sweeper.ts';
import { pruneOutbox, withDueOutbox } from '../registry/repositories/outbox.ts';
import { nextRing, type Ring } from '../registry/repositories/provisioning-runs.ts';
import { type Platform, type ProcessParts, queueBackend } from './assemble-platform.ts';
import type { Workbench } from './assemble-worker.ts';

const relayIntervalMs = 1_000;
const sweepIntervalMs = 1_000;
const keepDeliveredMs = 7 * 86_400_000;
const pruneLimit = 1_000;

/** How a run reaches somebody who works on it. */
export type Dispatch = {
  ring: (ring: Ring) => Promise<void>;
  /** Undefined where runs are worked on in this process. */
  queue: Queue | undefined;
};

/** Tells the queue; a worker somewhere takes the job. */
export function dispatchToQueue({ config, log, shutdown }: ProcessParts, platform: Platform): Dispatch {
  const queue = createQueue({ backend: queueBackend(config, platform.login), log });
  shutdown.onStop('queue', 3_000, () => queue.close());
  const ring = ({ tenantId, generation, ring: number }: Ring) =>
    queue.ring('run-provisioning', { tenant_id: tenantId, generation }, number);
  return { ring, queue };
}

/** Works on runs in this process, a few at once: ENABLE_ASYNC_PROVISIONING=false. */
export function dispatchHere({ config, log, shutdown }: ProcessParts, workbench: Workbench): Dispatch {
  const stopping = new AbortController();
  const limit = pLimit(config.QUEUE_CONCURRENCY);
  const underway = new Set<Promise<void>>();
  shutdown.onStop('provisioning', 10_000, async () => {
    stopping.abort();
    await Promise.all(underway);
  });

  return {
    queue: undefined,
    async ring({ tenantId, generation }) {
      const run = limit(() => workbench.runProvisioning(tenantId, generation, stopping.signal)).catch(
        (error) =>
          log.error({ err: error, tenant_id: tenantId }, 'A provisioning run ended badly; it is tried again'),
      );
      underway.add(run);
      void run.finally(() => underway.delete(run));
    },
  };
}

/** Carries what transactions left in the outbox to the dispatch. */
export function startRelay({ log, shutdown }: ProcessParts, platform: Platform, dispatch: Dispatch) {
  const { registry, messages } = platform;
  const relay = createOutboxRelay({
    withDue: (selection, work) => withDueOutbox(registry, selection, work),
    prune: () => pruneOutbox(registry, { olderThanMs: keepDeliveredMs, limit: pruneLimit }),
    send: { 'queue.run-provisioning': (row) => ringForRow(platform, dispatch, row) },
    wake: (kick) => messages.on('outbox.added', kick),
    intervalMs: relayIntervalMs,
    log,
  });
  shutdown.onStop('outbox relay', 3_000, () => relay.stop());
  return relay;
}

/** Rings for runs that everybody has forgotten. */
export function sweep({ log, shutdown }: ProcessParts, platform: Platform, dispatch: Dispatch): void {
  const sweeper = startSweeper({
    looks: [createForgottenRunsLook({ registry: platform.registry, ring: dispatch.ring })],
    intervalMs: sweepIntervalMs,
    log,
  });
  shutdown.onStop('sweeper', 3_000, () => sweeper.stop());
}

async function ringForRow({ registry }: Platform, dispatch: Dispatch, row: OutboxRow): Promise<void> {
  const payload = jobs['run-provisioning'].payload.parse(row.payload);
  const ring = await nextRing(registry, payload.tenant_id, payload.generation);
  if (ring !== undefined) await dispatch.ring(ring);
}
