import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { dirname, join } from 'node:path';
import { findLocalTools } from '../src/databases/pg-tools-find.ts';
import type { TestPostgres } from '../test/support/postgres-server.ts';

/** `pg_dump --schema-only | psql`, as one does it by hand: nothing is said, and any error ends it. */
export async function createPsqlCopy({ host, port, admin, major }: TestPostgres) {
  const { pgDump } = await findLocalTools({ serverMajor: major });
  const script = 'set -o pipefail; "$1" --schema-only "$3" | "$2" --quiet -v ON_ERROR_STOP=1 "$4" >/dev/null';
  const environment = { PGHOST: host, PGPORT: String(port), PGUSER: admin.user, PGPASSWORD: admin.password };

  return async function copy(source: string, target: string): Promise<void> {
    const programs = [pgDump, join(dirname(pgDump), 'psql')];
    const child = spawn('bash', ['-c', script, 'bash', ...programs, source, target], {
      env: { PATH: process.env.PATH ?? '', ...environment },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let said = '';
    child.stderr.on('data', (chunk: Buffer) => {
      said += chunk.toString();
    });
    const [code] = await once(child, 'close');
    if (code !== 0) throw new Error(`pg_dump | psql ended with ${code}: ${said}`);
  };
}
