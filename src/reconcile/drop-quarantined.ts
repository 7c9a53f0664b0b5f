import { dropDatabase } from '../databases/drop-database.ts';
import { errors } from '../errors/catalogue.ts';
import { recordAudit, systemActor } from '../registry/repositories/audit-log.ts';
import { isNamed } from '../registry/repositories/named-objects.ts';
import { forgetQuarantined, listQuarantined } from '../registry/repositories/quarantined-objects.ts';
import { type ReconcileNeeds, withSession } from './reconcile-needs.ts';

export type QuarantineChoice = {
  name: string;
  /** Name of its server; may be left out while only one has a database of that name in quarantine. */
  server?: string | undefined;
};

/** @throws not_found for what is not in quarantine, or is on several servers and none is named */
export async function dropQuarantined(
  needs: ReconcileNeeds,
  { name, server }: QuarantineChoice,
): Promise<{ dropped: string; server: string }> {
  const { registry } = needs;
  const all = (await listQuarantined(registry)).filter((each) => each.name === name);
  const [found, another] = server === undefined ? all : all.filter((each) => each.server === server);
  if (found === undefined) throw errors.notFound('database in quarantine');
  if (another !== undefined)
    throw errors.notFound('single database in quarantine of that name: give the server');
  const { id, serverId } = found;
  // A row that names it by now makes it somebody's.
  if (await isNamed(registry, { serverId, name }))
    throw errors.notFound('database in quarantine: a row of the registry names it by now');
  await withSession(needs, serverId, (session) => dropDatabase(session, name));
  await forgetQuarantined(registry, id);
  await recordAudit(registry, {
    actor: systemActor,
    action: 'reconcile.quarantined_dropped',
    after: { server: found.server, name },
  });
  return { dropped: name, server: found.server };
}
