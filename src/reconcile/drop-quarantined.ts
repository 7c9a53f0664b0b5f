import { dropDatabase } from '../databases/drop-database.ts';
import { errors } from '../errors/catalogue.ts';
import { recordAudit, systemActor } from '../registry/repositories/audit-log.ts';
import { forgetQuarantined } from '../registry/repositories/quarantined-objects.ts';
import { findInQuarantine, type QuarantineChoice } from './find-in-quarantine.ts';
import { type ReconcileNeeds, withSession } from './reconcile-needs.ts';
import { lockLeftover } from './shut-away.ts';

/** @throws not_found for what is not in quarantine; what was released is an operator's own to drop */
export async function dropQuarantined(
  needs: ReconcileNeeds,
  choice: QuarantineChoice,
): Promise<{ dropped: string; server: string }> {
  const { registry } = needs;
  const { serverId, name, server } = await findInQuarantine(registry, choice);
  await withSession(needs, serverId, async (session) => {
    if (!(await lockLeftover(session, name))) throw errors.serverBusy(`somebody else is at "${name}".`);
    // Nobody releases it from here on.
    const { id, releasedAt } = await findInQuarantine(registry, { name, server });
    if (releasedAt !== null)
      throw errors.notFound('database in quarantine: it was released. Drop it by hand: DROP DATABASE');
    await dropDatabase(session, name);
    await forgetQuarantined(registry, id);
  });
  await recordAudit(registry, {
    actor: systemActor,
    action: 'reconcile.quarantined_dropped',
    after: { server, name },
  });
  return { dropped: name, server };
}
