import { errors } from '../errors/catalogue.ts';
import { recordAudit, systemActor } from '../registry/repositories/audit-log.ts';
import { markReleased } from '../registry/repositories/quarantined-objects.ts';
import { findInQuarantine, type QuarantineChoice } from './find-in-quarantine.ts';
import { type ReconcileNeeds, withSession } from './reconcile-needs.ts';
import { lockLeftover, openToOperators } from './shut-away.ts';

/**
 * Gives a database to an operator for good: it is opened to whom he lets in, and left alone from then on. Done
 * again, it opens it again.
 * @throws not_found for what is not in quarantine
 */
export async function releaseQuarantined(
  needs: ReconcileNeeds,
  choice: QuarantineChoice,
): Promise<{ released: string; server: string }> {
  const { registry, ownership } = needs;
  const { serverId, name, server } = await findInQuarantine(registry, choice);
  await withSession(needs, serverId, async (session) => {
    if (!(await lockLeftover(session, name))) throw errors.serverBusy(`somebody else is at "${name}".`);
    // Nobody drops it from here on.
    const { id } = await findInQuarantine(registry, { name, server });
    await openToOperators(session, name, ownership);
    await markReleased(registry, id);
  });
  await recordAudit(registry, {
    actor: systemActor,
    action: 'reconcile.quarantined_released',
    after: { server, name },
  });
  return { released: name, server };
}
