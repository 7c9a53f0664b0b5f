import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { inPrivateFolder } from '../../../src/databases/pg-tools-folder.ts';
import { dumpFacts } from './comparable-dump.ts';
import { connection, type DatabaseFacts, type ServerLogin } from './database-facts.ts';
import { factsApart } from './facts-apart.ts';

const run = promisify(execFile);

export type RoundTrip = {
  readonly pgDump: string;
  readonly login: ServerLogin;
  readonly from: string;
  readonly into: string;
  /** Of which tables and sequences the rows and positions go along, as `public country`. */
  readonly carried: readonly string[];
};

/**
 * What everybody would do by hand, and what a tenant is compared with: one dump and restore as superuser, of
 * the schema and the carried rows. It must not be compared with the source itself: pg_dump rewrites some
 * expressions at the first round.
 */
export async function makeRoundTrip({ pgDump, login, from, into, carried }: RoundTrip): Promise<void> {
  const pgRestore = join(dirname(pgDump), 'pg_restore');
  const env = { ...process.env, PGPASSWORD: login.admin.password };
  await inPrivateFolder(async (folder) => {
    const [archive, list] = [join(folder, 'archive'), join(folder, 'list')];
    await run(
      pgDump,
      ['--format=custom', '--no-subscriptions', `--file=${archive}`, ...connection(login), from],
      {
        env,
      },
    );
    const { stdout } = await run(pgRestore, ['--list', archive], { maxBuffer: 256 * 1024 * 1024 });
    await writeFile(
      list,
      stdout
        .split('\n')
        .filter((line) => isWanted(line, carried))
        .join('\n'),
    );
    const how = [`--use-list=${list}`, '--exit-on-error', `--dbname=${into}`, ...connection(login)];
    await run(pgRestore, [...how, archive], { env, maxBuffer: 256 * 1024 * 1024 });
  });
}

/** Reads `3601; 0 16402 TABLE DATA public country postgres`. */
function isWanted(line: string, carried: readonly string[]): boolean {
  const data = /^\d+; \d+ \d+ (?:TABLE DATA|SEQUENCE SET|BLOBS?|BLOB METADATA|LARGE OBJECTS?) (.*) \S+$/.exec(
    line,
  );
  return data === null || carried.includes(data[1] ?? '');
}

/** All facts of a database, those of the dump and those apart from it. */
export async function databaseFacts(
  pgDump: string,
  login: ServerLogin,
  database: string,
): Promise<DatabaseFacts> {
  return new Map([...(await dumpFacts(pgDump, login, database)), ...(await factsApart(login, database))]);
}
