import type { SharedPostgres } from '../../support/shared-postgres.ts';

export type ServerLogin = Pick<SharedPostgres, 'host' | 'port' | 'admin'>;

/** What the programs of PostgreSQL are told of a login; the password is in their environment. */
export function connection({ host, port, admin }: ServerLogin): string[] {
  return ['--no-password', `--host=${host}`, `--port=${port}`, `--username=${admin.user}`];
}

/** What the objects of a database are, each by its name. */
export type DatabaseFacts = ReadonlyMap<string, string>;

/** One line for each fact that differs, in the words of `what missing | unexpected | different`. */
export function factDifferences(expected: DatabaseFacts, found: DatabaseFacts): string[] {
  const changed = [...expected].flatMap(([fact, value]) => {
    const other = found.get(fact);
    if (other === value) return [];
    return [other === undefined ? `missing: ${fact}` : `different: ${fact}: ${value} / ${other}`];
  });
  const added = [...found.keys()].filter((fact) => !expected.has(fact)).map((fact) => `unexpected: ${fact}`);
  return [...changed, ...added].sort();
}
