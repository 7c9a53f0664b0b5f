import { randomUUID } from 'node:crypto';
import { fingerprintDatabase } from '../databases/fingerprint.ts';
import { createTenantLifecycle } from '../provisioning/tenant-lifecycle.ts';
import { createReconcile, type Reconcile } from '../reconcile/reconcile.ts';
import { startReconciler } from '../reconcile/reconciler.ts';
import { systemActor } from '../registry/repositories/audit-log.ts';
import { holdReconciler } from '../registry/repositories/reconcile.ts';
import { loseCopy } from '../registry/repositories/template-copies.ts';
import type { Platform, ProcessParts } from './assemble-platform.ts';
import type { Workbench } from './assemble-worker.ts';

const lookEveryMs = 30_000;
/** Two looks that did not come: the process that was at it is gone, or hangs. */
const staleMs = 3 * lookEveryMs;

export type ReconcileParts = { platform: Platform; workbench: Workbench; installationId: string };

/** Registry against servers, with the parts of the workbench that repairs need. */
export function assembleReconcile(
  { config, log }: ProcessParts,
  { platform, workbench, installationId }: ReconcileParts,
): Reconcile {
  const { registry, applicationName } = platform;
  const { naming, credentials } = workbench.making;
  const { neutral } = naming;
  // The notification of the outbox row wakes the relay of whichever process comes first.
  const lifecycle = createTenantLifecycle({
    registry,
    now: () => new Date(),
    afterCommit: () => undefined,
  });
  return createReconcile({
    registry,
    serverOf: workbench.servers.get,
    ownership: {
      installationId,
      databasePrefix: config.TENANT_DB_PREFIX,
      neutral,
      connectionsPerTenant: config.MAX_CONNECTIONS_PER_TENANT,
    },
    openPasswords: credentials.open,
    takeFingerprint: (client) => fingerprintDatabase(client, { neutral, dataTables: [] }),
    restartRun: async (tenantId) => {
      const reason = 'no run was open that would have gone on with it';
      await lifecycle.resumeTenant(tenantId, { actor: systemActor, requestId: 'reconcile', reason });
    },
    finishRotation: async (tenantId) => {
      const reason = 'whoever was at it did not finish it';
      await workbench.rotateCredentials(tenantId, { actor: systemActor, requestId: 'reconcile', reason });
    },
    loseCopy: (copyId) => loseCopy(registry, copyId),
    applicationName,
    log,
  });
}

/** Compares and mends again and again; of all workers one does it at a time. */
export function reconcileRegularly(
  { log, shutdown, metrics }: ProcessParts,
  { registry }: Pick<Platform, 'registry'>,
  reconcile: Reconcile,
): void {
  const holder = randomUUID();
  const reconciler = startReconciler({
    tend: reconcile.tend,
    hold: () => holdReconciler(registry, { holder, staleMs }),
    intervalMs: lookEveryMs,
    ...(metrics && { onFindings: metrics.observe.findings }),
    log,
  });
  shutdown.onStop('reconciler', 3_000, () => reconciler.stop());
}
