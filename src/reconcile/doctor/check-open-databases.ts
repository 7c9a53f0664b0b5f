import { listForeignLogins, type OpenDatabase, readOpenDatabases } from '../../databases/open-databases.ts';
import { quoteIdentifier } from '../../databases/quote.ts';
import type { ServerSession } from '../../databases/server-session.ts';
import { type Check, count, named, ok, problem } from './check.ts';

const check = 'server.open_databases';

/** Open databases, in what becomes of each. */
export type SortedOpen = {
  /** `doctor --fix` closes these. */
  closable: OpenDatabase[];
  /** Only their owner, or a superuser, may. */
  others: OpenDatabase[];
  /** A tenant's or a template's: to be sealed, and not to be opened to anybody. */
  ours: OpenDatabase[];
};

/** @param isOurs whether a database of that name belongs to this installation */
export async function sortOpenDatabases(
  session: Pick<ServerSession, 'rows'>,
  isOurs: (name: string) => boolean,
): Promise<SortedOpen> {
  const open = await readOpenDatabases(session);
  const foreign = open.filter(({ name }) => !isOurs(name));
  return {
    closable: foreign.filter(({ isOursToClose }) => isOursToClose),
    others: foreign.filter(({ isOursToClose }) => !isOursToClose),
    ours: open.filter(({ name }) => isOurs(name)),
  };
}

/** Databases beside tenants that every tenant's login may enter. */
export async function checkOpenDatabases(
  session: Pick<ServerSession, 'rows'>,
  subject: string,
  isOurs: (name: string) => boolean,
): Promise<Check[]> {
  const { closable, others, ours } = await sortOpenDatabases(session, isOurs);
  const checks: Check[] = [];
  if (closable.length > 0) {
    const logins = await listForeignLogins(session);
    checks.push(
      problem({
        check,
        subject,
        detail: `Every login of the server, tenants' included, may enter ${namesOf(closable)}.`,
        remedy: `tenant-cli doctor --fix lets ${count(logins.length, 'existing login')} in by name and shuts PUBLIC out.`,
        fixable: true,
      }),
    );
  }
  for (const { name, owner } of others) {
    const detail = `Every login of the server, tenants' included, may enter ${name}, which belongs to ${owner} and which the platform's login may not change.`;
    const remedy = `As ${owner}, grant CONNECT to those who need it, then: REVOKE ALL ON DATABASE ${quoteIdentifier(name)} FROM PUBLIC;`;
    checks.push(problem({ check, subject, detail, remedy }));
  }
  if (ours.length > 0) {
    const detail = `Every login of the server may enter ${namesOf(ours)}, under names that the platform gives.`;
    const remedy =
      'Seal again what is the platform’s: tenant-cli reconcile --apply. Of what it calls foreign a person has to decide: shut it (REVOKE ALL ON DATABASE … FROM PUBLIC), rename it or drop it.';
    checks.push(problem({ check, subject, detail, remedy }));
  }
  if (checks.length > 0) return checks;
  return [ok({ check, subject, detail: 'No database is open to every login of the server.' })];
}

const namesOf = (databases: readonly OpenDatabase[]) => named(databases.map(({ name }) => name));
