import { type CollationMismatch, listCollationMismatches } from '../../databases/collation-versions.ts';
import { quoteIdentifier } from '../../databases/quote.ts';
import type { ServerSession } from '../../databases/server-session.ts';
import type { NamedStock } from '../../registry/repositories/named-objects.ts';
import { type Check, named, ok, problem, unknown, warning } from './check.ts';

const check = 'server.collation';

export type CollationPlace = {
  subject: string;
  stock: Pick<NamedStock, 'copies' | 'warm'>;
  isOurs: (name: string) => boolean;
};

/** Whether text is sorted as it was when each database was made: after a new operating system it may not be. */
export async function checkCollations(
  session: Pick<ServerSession, 'rows' | 'features'>,
  place: CollationPlace,
): Promise<Check[]> {
  const { subject } = place;
  const mismatches = await listCollationMismatches(session);
  if (mismatches === undefined) {
    const detail = 'This version of PostgreSQL does not record the version of its collations.';
    return [unknown({ check, subject, detail })];
  }
  if (mismatches.length === 0) {
    return [ok({ check, subject, detail: 'Text is sorted as it was when the databases were made.' })];
  }
  return [
    ...judgeCopies(mismatches, place),
    ...judgeWarm(mismatches, place),
    ...judgeRest(mismatches, place),
  ];
}

/** The templates' copies that have to be built again. */
export function copiesToRebuild(mismatches: readonly CollationMismatch[], stock: Pick<NamedStock, 'copies'>) {
  return stock.copies.filter(
    ({ status, databaseName }) =>
      (status === 'ready' || status === 'retiring') &&
      mismatches.some(({ database }) => database === databaseName),
  );
}

function judgeCopies(mismatches: readonly CollationMismatch[], { subject, stock }: CollationPlace): Check[] {
  const copies = copiesToRebuild(mismatches, stock);
  if (copies.length === 0) return [];
  const names = named(copies.map(({ databaseName }) => databaseName));
  const detail = `The operating system sorts text in another way than when the template ${names} was made, so that no tenant can be made from it.`;
  const remedy = 'tenant-cli doctor --fix gives it up; a new one is built from its source.';
  return [problem({ check, subject, detail, remedy, fixable: true })];
}

function judgeWarm(mismatches: readonly CollationMismatch[], { subject, stock }: CollationPlace): Check[] {
  const names = stock.warm.map(({ databaseName }) => databaseName);
  const mine = mismatches.filter(({ database }) => names.includes(database));
  if (mine.length === 0) return [];
  const detail = `Text is sorted in another way than when the warm database ${namesOf(mine)} was made.`;
  const remedy = 'They are replaced when their template is rebuilt (tenant-cli doctor --fix).';
  return [warning({ check, subject, detail, remedy })];
}

function judgeRest(mismatches: readonly CollationMismatch[], place: CollationPlace): Check[] {
  const { subject, stock, isOurs } = place;
  const known = [...stock.copies, ...stock.warm].map(({ databaseName }) => databaseName);
  const rest = mismatches.filter(({ database }) => !known.includes(database));
  const tenants = rest.filter(({ database }) => isOurs(database));
  const others = rest.filter(({ database }) => !isOurs(database));
  const checks: Check[] = [];
  for (const [kind, found] of [
    ['tenant database', tenants],
    ['database', others],
  ] as const) {
    const [first] = found;
    if (first === undefined) continue;
    const detail = `Text is sorted in another way (${first.recorded} then, ${first.actual} now) than when the ${kind} ${namesOf(found)} was made; its indexes may miss rows.`;
    checks.push(warning({ check, subject, detail, remedy: reindexing(first.database) }));
  }
  return checks;
}

/** The first as its owner within the database: the platform's login executes nothing in a tenant's. */
function reindexing(database: string): string {
  const name = quoteIdentifier(database);
  return `For each of them: as the owner of its tables, in it, REINDEX DATABASE CONCURRENTLY ${name}; then ALTER DATABASE ${name} REFRESH COLLATION VERSION;`;
}

const namesOf = (mismatches: readonly CollationMismatch[]) =>
  named(mismatches.map(({ database }) => database));
