import { existsSync } from 'node:fs';
import { readFile, rename, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findPgTools } from '../../src/databases/pg-tools.ts';
import type { ToolLogin } from '../../src/databases/pg-tools-contract.ts';
import { inPrivateFolder } from '../../src/databases/pg-tools-folder.ts';
import { judgeRestore } from '../../src/databases/pg-tools-outcome.ts';
import { newPassword } from '../../src/databases/scram-verifier.ts';
import { failOnLeaks } from '../support/leaks.ts';
import { findTestTools, openTemplatePlace, type TemplatePlace } from './template-place.ts';

failOnLeaks();

const tools = await findTestTools();
let on: TemplatePlace;

beforeAll(async () => {
  on = await openTemplatePlace();
});
afterAll(() => on.close());

/** A folder with a pg_dump and a pg_restore of a version, both running the same script. */
async function makeTools(version: string, script = ''): Promise<string> {
  const says = (name: string) => `[ "$1" = --version ] && { echo "${name} (PostgreSQL) ${version}"; exit; }`;
  const pgDump = await on.makeShim('pg_dump', `${says('pg_dump')}\n${script}`);
  const pgRestore = await on.makeShim('pg_restore', `${says('pg_restore')}\n${script}`);
  await writeFile(join(dirname(pgDump), 'pg_restore'), await readFile(pgRestore), { mode: 0o755 });
  return dirname(pgDump);
}

const login = (
  database: string,
  user = on.server.admin.user,
  password = on.server.admin.password,
): ToolLogin => ({
  address: on.server,
  user,
  password,
  database,
});
const signal = () => AbortSignal.timeout(30_000);

describe('finding pg_dump', () => {
  it('takes the one that is named, and no other', async () => {
    const folder = await makeTools('98.2');
    const found = await findPgTools({ pgDump: join(folder, 'pg_dump'), serverMajor: 98 });
    expect({ where: found.where, major: found.major }).toEqual({ where: join(folder, 'pg_dump'), major: 98 });
    await expect(
      findPgTools({ pgDump: join(folder, 'nothing'), serverMajor: 98, searchPath: folder }),
    ).rejects.toMatchObject({
      code: 'pg_dump_missing',
      message: expect.stringContaining('postgresql-client-98'),
    });
  });

  it('refuses one that is older than the server, and says which it found', async () => {
    const folder = await makeTools('9.6.24');
    await expect(findPgTools({ pgDump: join(folder, 'pg_dump'), serverMajor: 15 })).rejects.toMatchObject({
      code: 'pg_dump_too_old',
      message: expect.stringMatching(/pg_dump is version 9\.6\.24, the server is 15/),
    });
    await expect(findPgTools({ serverMajor: 999 })).rejects.toMatchObject({
      code: expect.stringMatching(/pg_dump_(too_old|missing)/),
    });
  });

  it('prefers the server’s own binaries, then its major over newer ones on the path', async () => {
    const [beside, newer, same] = [await makeTools('97.1'), await makeTools('98.0'), await makeTools('97.3')];
    const searchPath = `${newer}:${same}`;
    const first = await findPgTools({ serverBinDir: beside, serverMajor: 97, searchPath });
    const second = await findPgTools({ serverMajor: 97, searchPath });
    const third = await findPgTools({ serverMajor: 97, searchPath: `${newer}:relative/folder:` });
    expect([first, second, third].map(({ where }) => dirname(where))).toEqual([beside, same, newer]);
  });

  it('is not misled by another program of that name', async () => {
    const folder = dirname(await on.makeShim('pg_dump', 'echo "something else 97.0"'));
    const real = await makeTools('97.0');
    const found = await findPgTools({ serverMajor: 97, searchPath: `${folder}:${real}` });
    expect(dirname(found.where)).toBe(real);
  });
});

describe('running pg_dump', () => {
  it('gives the child its password in a private file, and nothing of our environment', async () => {
    process.env.CANARY_SECRET = 'canary-of-the-environment';
    const folder = await makeTools(
      '97.0',
      `env > "${on.folder}/env"; echo "$@" > "${on.folder}/args"; tr '\\0' ' ' < /proc/$$/cmdline >> "${on.folder}/args" 2>/dev/null
       cat "$PGPASSFILE" > "${on.folder}/pass"; ls -ld "$PGPASSFILE" "$(dirname "$PGPASSFILE")" > "${on.folder}/modes"`,
    );
    const found = await findPgTools({ serverMajor: 97, searchPath: folder });
    const file = join(on.folder, 'archive');
    const password = newPassword();
    await found.dump({
      login: login("odd'db\\=x", 'someone', password),
      options: [],
      file,
      signal: signal(),
    });
    delete process.env.CANARY_SECRET;
    const read = (name: string) => readFile(join(on.folder, name), 'utf8');
    const [env, args, pass, modes] = await Promise.all(['env', 'args', 'pass', 'modes'].map(read));
    expect(`${env}${args}`).not.toContain(password);
    expect(env).not.toContain('canary');
    const names = (env ?? '').split('\n').map((line) => line.split('=')[0] ?? '');
    const shellsOwn = ['_', 'OLDPWD', 'PWD', 'SHLVL', ''];
    expect(names.filter((name) => !shellsOwn.includes(name)).sort()).toEqual([
      ...[
        'HOME',
        'LANG',
        'LC_ALL',
        'PATH',
        'PGAPPNAME',
        'PGCONNECT_TIMEOUT',
        'PGOPTIONS',
        'PGPASSFILE',
        'PGSSLMODE',
      ],
    ]);
    expect(args).toContain(`dbname='odd\\'db\\\\=x'`);
    expect(pass).toBe(`*:*:*:*:${password}\n`);
    expect(
      modes
        ?.split('\n')
        .map((line) => line.slice(0, 10))
        .sort(),
    ).toEqual(['', '-rw-------', 'drwx------']);
    const passwordFile = /PGPASSFILE=(.*)/.exec(env ?? '')?.[1] ?? '';
    expect(existsSync(dirname(passwordFile))).toBe(false);
  });

  it('ends the child and whatever the child started when it is aborted', async () => {
    const folder = await makeTools('97.0', `sleep 300 & echo $! > "${on.folder}/grandchild"; wait`);
    const found = await findPgTools({ serverMajor: 97, searchPath: folder });
    const controller = new AbortController();
    const file = join(on.folder, 'never');
    const running = found.dump({ login: login('x'), options: [], file, signal: controller.signal });
    const pidFile = join(on.folder, 'grandchild');
    while (!existsSync(pidFile) || (await readFile(pidFile, 'utf8')).trim() === '') await delay(10);
    controller.abort(new Error('enough'));
    await expect(running).rejects.toThrow('enough');
    const pid = Number(await readFile(pidFile, 'utf8'));
    await expect.poll(() => isAlive(pid), { timeout: 10_000 }).toBe(false);
  });

  it('keeps of a flood of messages the last ones', async () => {
    const folder = await makeTools(
      '97.0',
      'yes "warning: noise" | head -c 3000000 >&2; echo "the last word" >&2; exit 3',
    );
    const found = await findPgTools({ serverMajor: 97, searchPath: folder });
    await expect(
      found.dump({ login: login('x'), options: [], file: join(on.folder, 'x'), signal: signal() }),
    ).rejects.toMatchObject({ code: 'pg_dump_failed', message: 'pg_dump failed: the last word' });
  });
});

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

describe('judging a restore', () => {
  const outcome = (stderr: string[]) => ({ code: 1, stdout: '', stderr, lastWords: stderr.at(-1) ?? '' });
  const unknown =
    'pg_restore: error: could not execute query: ERROR:  unrecognized configuration parameter "transaction_timeout"';
  const command = 'Command was: SET transaction_timeout = 0;';
  const ignored = (count: number) => `pg_restore: warning: errors ignored on restore: ${count}`;

  it('forgives a newer pg_restore the one setting that the server does not know, and nothing else', () => {
    const newer = { major: 17 };
    const other = 'pg_restore: error: could not execute query: ERROR:  type "x" does not exist';
    expect(() => judgeRestore(outcome([unknown, command, ignored(1)]), newer, 15)).not.toThrow();
    expect(() =>
      judgeRestore(outcome([unknown, command, other, 'Command was: …', ignored(2)]), newer, 15),
    ).toThrow('type "x" does not exist');
    expect(() => judgeRestore(outcome([unknown, command, ignored(1)]), newer, 17)).toThrow(
      'transaction_timeout',
    );
    expect(() => judgeRestore(outcome([unknown, command]), newer, 15)).toThrow('transaction_timeout');
  });
});

describe.skipIf(tools === null)('dumping and restoring for real', () => {
  const real = () => {
    if (tools === null) throw new Error('There are no tools.');
    return tools;
  };

  it('works with passwords that the password file must escape', async () => {
    const database = await on.makeSource('CREATE TABLE t (id int)');
    const role = `odd_${database}`;
    await on.session.run(`CREATE ROLE ${role} LOGIN SUPERUSER PASSWORD 'a:b\\c d''"$x'`);
    await inPrivateFolder(async (folder) => {
      const file = join(folder, 'dump');
      const request = {
        login: login(database, role, `a:b\\c d'"$x`),
        options: ['-Fc'],
        file,
        signal: signal(),
      };
      await real().dump(request);
      expect((await stat(file)).size).toBeGreaterThan(500);
    });
    await on.session.run(`DROP ROLE ${role}`);
  });

  it('does the same through docker, with the password on the standard input only', async () => {
    const docker = await makeDocker();
    const source = await on.makeSource(
      'CREATE TABLE first (id int); CREATE TABLE "sec ond" AS SELECT 1 AS one',
    );
    const viaDocker = await findPgTools({
      serverMajor: on.major,
      searchPath: `${docker}:${process.env.PATH}`,
      docker: { container: 'a-database' },
    });
    expect(viaDocker.where).toBe('pg_dump in the container a-database');
    const built = await on.build(
      { kind: 'database', name: source, tools: viaDocker },
      { dataTables: ['sec ond'] },
    );
    const direct = await on.build(
      { kind: 'database', name: source, tools: real() },
      { dataTables: ['sec ond'] },
    );
    expect(built.fingerprint).toEqual(direct.fingerprint);
    const seen = await readFile(join(on.folder, 'docker-seen'), 'utf8');
    expect(seen).toContain('exec -i a-database sh -c');
    expect(seen).not.toContain(on.server.admin.password);
    // What ps shows within the container: the tools were given the file that the password was put into.
    const within = await readFile(join(on.folder, 'container-seen'), 'utf8');
    expect(within).toMatch(/pg_dump .*--dbname=/);
    expect(within).toMatch(/pg_restore .*--use-list=/);
    expect(within).toMatch(/^PGPASSFILE=.+$/m);
    expect(within).not.toContain(on.server.admin.password);
    const [, passwordFile = ''] = within.match(/^PGPASSFILE=(.+)$/m) ?? [];
    expect(existsSync(passwordFile)).toBe(false);
  });

  it('says what docker said when the container is not there', async () => {
    const folder = dirname(
      await on.makeShim('docker', 'echo "Error response: No such container: $3" >&2; exit 1'),
    );
    await expect(
      findPgTools({ serverMajor: on.major, searchPath: folder, docker: { container: 'gone' } }),
    ).rejects.toMatchObject({
      code: 'pg_dump_failed',
      message: expect.stringContaining('No such container: gone'),
    });
  });

  /** The real tools, each of which first writes down what others on its machine can see of it. */
  async function makeContainerTools(bin: string): Promise<string> {
    const note = `{ echo "$0 $*"; tr '\\0' ' ' < /proc/$$/cmdline; env; } >> "${on.folder}/container-seen"`;
    const pgDump = await on.makeShim('pg_dump', `${note}; exec "${bin}/pg_dump" "$@"`);
    const pgRestore = await on.makeShim('pg_restore', `${note}; exec "${bin}/pg_restore" "$@"`);
    await rename(pgRestore, join(dirname(pgDump), 'pg_restore'));
    return dirname(pgDump);
  }

  /** A docker whose containers are this machine, where PGPORT is set as in a container's environment. */
  async function makeDocker(): Promise<string> {
    const bin = await makeContainerTools(dirname(real().where));
    const docker = await on.makeShim(
      'docker',
      `echo "$@" >> "${on.folder}/docker-seen"; env >> "${on.folder}/docker-seen"
       shift 3; PATH="${bin}:$PATH" PGPORT=${on.server.port} exec "$@"`,
    );
    return dirname(docker);
  }
});
