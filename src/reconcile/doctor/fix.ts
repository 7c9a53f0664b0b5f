import { listCollationMismatches } from '../../databases/collation-versions.ts';
import { closeToPublic, listForeignLogins } from '../../databases/open-databases.ts';
import { AppError } from '../../errors/app-error.ts';
import { listServers } from '../../registry/repositories/database-servers.ts';
import { count, named } from './check.ts';
import { copiesToRebuild } from './check-collations.ts';
import { sortOpenDatabases } from './check-open-databases.ts';
import { type ServerPlace, withServer } from './check-servers.ts';
import type { DoctorNeeds, WorkerNeeds } from './doctor-needs.ts';

type Needs = Pick<DoctorNeeds, 'registry' | 'log'> & WorkerNeeds;

/** What was done, in a sentence. */
export type Fix = { subject: string; detail: string };

/** Mends on every server what can be mended without a decision. Done again, it finds nothing to do. */
export async function fixServers(needs: Needs, signal: AbortSignal): Promise<Fix[]> {
  const fixes: Fix[] = [];
  for (const { id, name } of await listServers(needs.registry)) {
    signal.throwIfAborted();
    try {
      await withServer(needs, { id, name }, async (place) => {
        await closeOpenDatabases(place, fixes);
        await giveUpCopies(needs, place, fixes);
      });
    } catch (error) {
      // The check that follows says the same of this server; the others are mended all the same.
      if (!(error instanceof AppError)) throw error;
      needs.log.warn({ err: error, server: name }, 'The doctor could not mend a database server');
    }
  }
  return fixes;
}

async function closeOpenDatabases({ session, name, isOurs }: ServerPlace, fixes: Fix[]): Promise<void> {
  const { closable } = await sortOpenDatabases(session, isOurs);
  if (closable.length === 0) return;
  const logins = await listForeignLogins(session);
  for (const database of closable) await closeToPublic(session, database, logins);
  // A right that somebody else than the owner gave to PUBLIC stays; the look that follows finds it again.
  const { closable: left } = await sortOpenDatabases(session, isOurs);
  for (const database of closable) {
    if (left.some(({ name: open }) => open === database.name)) continue;
    const rights = database.rights.join(' and ');
    const whom =
      logins.length === 0
        ? ''
        : ` ${rights} went to ${count(logins.length, 'login')} by name: ${named(logins)}.`;
    fixes.push({ subject: name, detail: `PUBLIC may not enter ${database.name} any more.${whom}` });
  }
}

async function giveUpCopies(
  needs: Needs,
  { session, name, stock }: ServerPlace,
  fixes: Fix[],
): Promise<void> {
  const mismatches = (await listCollationMismatches(session)) ?? [];
  for (const { id, databaseName } of copiesToRebuild(mismatches, stock)) {
    await needs.loseCopy(id);
    const detail = `The template ${databaseName} is given up; a new one is built when its source is looked at, or the next tenant comes.`;
    fixes.push({ subject: name, detail });
  }
}
