import { errors } from '../../errors/catalogue.ts';
import { publish } from '../../registry/messages.ts';
import { recordAudit, systemActor } from '../../registry/repositories/audit-log.ts';
import { insertOutbox } from '../../registry/repositories/outbox.ts';
import { finishRun } from '../../registry/repositories/provisioning-runs.ts';
import type { Step } from '../step.ts';

/** Leaves a tombstone without secrets; the slug is free again. */
export const buryTenant: Step = {
  name: 'bury-tenant',

  async run(context) {
    const nothingLeft = {
      databaseName: null,
      renamedFrom: null,
      migratorRole: null,
      applicationRole: null,
      sealedDataKey: null,
      sealedApplicationPassword: null,
      sealedMigratorPassword: null,
      pendingApplicationPassword: null,
      pendingMigratorPassword: null,
      credentialsPendingSince: null,
      templateCopyId: null,
    };
    await context.save({ ...nothingLeft, status: 'deleted', deletedAt: new Date() }, async (trx, tenant) => {
      if (!(await finishRun(trx, context.run, { status: 'completed' }))) throw errors.fenced();
      await insertOutbox(trx, { topic: 'event.tenant.deleted', payload: { tenant_id: tenant.id } });
      await recordAudit(trx, { actor: systemActor, action: 'tenant.purged', tenantId: tenant.id });
      await publish(trx, { kind: 'tenant.changed', tenantId: tenant.id, slug: tenant.slug });
    });
  },
};
