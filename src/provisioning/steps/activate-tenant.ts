import { errors } from '../../errors/catalogue.ts';
import { publish } from '../../registry/messages.ts';
import { recordAudit, systemActor } from '../../registry/repositories/audit-log.ts';
import { insertOutbox } from '../../registry/repositories/outbox.ts';
import { finishRun } from '../../registry/repositories/provisioning-runs.ts';
import type { Step } from '../step.ts';

/** State, end of the run, audit and the one event that tells of it, in one transaction. */
export const activateTenant: Step = {
  name: 'activate-tenant',

  async run(context) {
    const { run } = context;
    await context.save(
      {
        status: 'active',
        activatedAt: new Date(),
        failedAt: null,
        statusReason: null,
        // Its template may go now.
        templateCopyId: null,
      },
      async (trx, tenant) => {
        if (!(await finishRun(trx, run, { status: 'completed' }))) throw errors.fenced();
        await insertOutbox(trx, { topic: 'event.tenant.activated', payload: { tenant_id: tenant.id } });
        await recordAudit(trx, { actor: systemActor, action: 'tenant.activated', tenantId: tenant.id });
        await publish(trx, { kind: 'tenant.changed', tenantId: tenant.id, slug: tenant.slug });
      },
    );
  },
};
