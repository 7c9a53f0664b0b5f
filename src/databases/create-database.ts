import { errors } from '../errors/catalogue.ts';
import { applySettings, type DatabaseSetting } from './database-settings.ts';
import { type DatabaseState, readDatabase } from './database-state.ts';
import { assertFreeSpace } from './free-space.ts';
import { quoteIdentifier } from './quote.ts';
import type { ServerSession } from './server-session.ts';
import { isAlreadyDone, sqlState } from './sql-state.ts';
import { assertTemplateSealed } from './template-state.ts';

export type Creation = {
  readonly database: string;
  readonly template: string;
  /** `wal_log` unless the template is larger than about 1 GB; ignored by servers before 15. */
  readonly strategy?: 'wal_log' | 'file_copy';
  /** Of the template's source; a clone has none of them by itself. */
  readonly settings?: readonly DatabaseSetting[];
  /** Of the template, as far as it is known: whether there is room is asked before. */
  readonly sizeBytes?: number;
};

/** `closed`: a crash left it between creation and sealing. `sealed`: there is nothing to do. */
export type CreationOutcome = 'created' | 'closed' | 'sealed';

/**
 * Clones the template into a database that nobody can connect to until `sealDatabase` opens it: every clone
 * begins with CONNECT for PUBLIC, whatever its template allows. Takes over what a crash left. The caller holds
 * the lock named after the database on this same session, so that whoever undoes this waits for the server.
 * Throws template_lost when the template is gone, or is not as it was sealed, and capacity_exhausted instead of
 * trying where the server has no room.
 */
export async function createClosedDatabase(
  session: ServerSession,
  creation: Creation,
): Promise<CreationOutcome> {
  const outcome = await cloneTemplate(session, creation);
  if (outcome !== 'sealed') await applySettings(session, creation.database, creation.settings ?? []);
  return outcome;
}

async function cloneTemplate(session: ServerSession, creation: Creation): Promise<CreationOutcome> {
  const found = await readDatabase(session, creation.database);
  if (found !== undefined && !found.isInvalid) return resume(found);
  if (found?.isInvalid) await session.run(`DROP DATABASE ${quoteIdentifier(creation.database)}`);
  await assertTemplateSealed(session, creation.template);
  await assertFreeSpace(session, { template: creation.template, sizeBytes: creation.sizeBytes ?? 0 });
  try {
    await session.run(cloneStatement(session, creation));
    return 'created';
  } catch (error) {
    // Dropped since it was looked at; the state says the same in both cases.
    if (sqlState(error) === '3D000') await assertTemplateSealed(session, creation.template);
    if (!isAlreadyDone(error)) throw error;
    const made = await readDatabase(session, creation.database);
    if (made === undefined) throw error;
    return resume(made);
  }
}

/** ALLOW_CONNECTIONS false in the statement itself: as a second statement it would leave a gap to slip through. */
function cloneStatement(session: ServerSession, { database, template, strategy = 'wal_log' }: Creation) {
  const names = `${quoteIdentifier(database)} TEMPLATE ${quoteIdentifier(template)}`;
  const how = session.features.hasCreateStrategy ? ` STRATEGY ${strategy}` : '';
  return `CREATE DATABASE ${names} ALLOW_CONNECTIONS false${how}`;
}

function resume(found: DatabaseState): CreationOutcome {
  if (found.isTemplate || found.isOfSystem) {
    throw errors.verificationFailed(`"${found.name}" exists and is no tenant's database`);
  }
  if (!found.allowsConnections) return 'closed';
  if (found.isOpenToPublic) {
    throw errors.verificationFailed(
      `"${found.name}" exists and every login of the server may enter it, so that the platform did not make it`,
    );
  }
  return 'sealed';
}
