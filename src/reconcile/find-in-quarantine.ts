import { errors } from '../errors/catalogue.ts';
import type { RegistryDatabase } from '../registry/registry-database.ts';
import { isNamed } from '../registry/repositories/named-objects.ts';
import { listQuarantined } from '../registry/repositories/quarantined-objects.ts';

export type QuarantineChoice = {
  name: string;
  /** Name of its server; may be left out while only one has a database of that name in quarantine. */
  server?: string | undefined;
};

type InQuarantine = Awaited<ReturnType<typeof listQuarantined>>[number];

/** @throws not_found for what is not in quarantine, or is on several servers and none is named */
export async function findInQuarantine(
  registry: RegistryDatabase,
  { name, server }: QuarantineChoice,
): Promise<InQuarantine> {
  const all = (await listQuarantined(registry)).filter((each) => each.name === name);
  const [found, another] = server === undefined ? all : all.filter((each) => each.server === server);
  if (found === undefined) throw errors.notFound('database in quarantine');
  if (another !== undefined)
    throw errors.notFound('single database in quarantine of that name: give the server');
  // A row that names it by now makes it somebody's.
  if (await isNamed(registry, { serverId: found.serverId, name }))
    throw errors.notFound('database in quarantine: a row of the registry names it by now');
  return found;
}
