import { once } from 'node:events';
import { chmod, chown, mkdir, readdir, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { readEmbeddedEnvironment } from '../../src/embedded/embedded-environment.ts';
import { accountCanReach, chooseServerAccount } from '../../src/embedded/server-account.ts';
import { ask, createEmbeddedCases, killServerIn, serverPidIn } from './embedded-cases.ts';

const cases = createEmbeddedCases();
const isRoot = process.getuid?.() === 0;
afterAll(() => cases.cleanUp());

async function ownerOfServer(pgData: string): Promise<number> {
  return (await stat(`/proc/${await serverPidIn(pgData)}`)).uid;
}

describe.skipIf(!isRoot)('started by root', () => {
  it('runs as an account that is not root', async () => {
    const dataDir = await cases.newDataDir();
    const server = await cases.start(dataDir);
    const account = await chooseServerAccount();
    expect(await ownerOfServer(join(dataDir, 'pgdata'))).toBe(account.identity?.uid);
    expect((await stat(join(dataDir, 'secrets.json'))).uid).toBe(0);
    await server.stop();
  });

  it('puts the files where that account can go, says so, and finds them again', async () => {
    const dataDir = await cases.newDataDir(0o700);
    const server = await cases.start(dataDir);
    const moved = cases.lines.find((line) => line.level === 'warn');
    expect(moved?.members).toMatchObject({
      dataDir,
      serverDir: expect.stringMatching(/^\/var\/lib\/tenant-manager\//),
    });
    const serverDir = String(
      Object.entries(moved?.members ?? {}).find(([name]) => name === 'serverDir')?.[1],
    );
    try {
      expect((await readdir(dataDir)).sort()).toEqual(['secrets.json', 'state.json']);
      await ask(server.environment, 'CREATE TABLE kept (word text)');
      await server.stop();
      const again = await cases.start(dataDir);
      expect(await ask(again.environment, 'SELECT * FROM kept')).toEqual([]);
      expect(await readEmbeddedEnvironment(dataDir)).toEqual(again.environment);
      await again.stop();
    } finally {
      await killServerIn(join(serverDir, 'pgdata'));
      await rm(serverDir, { recursive: true });
    }
  });
});

describe.skipIf(!isRoot)('started by an ordinary user', () => {
  it('runs as that user, and root can start it later without taking anything away', async (context) => {
    const account = await chooseServerAccount();
    const { identity } = account;
    if (identity === undefined || !(await accountCanReach(account, import.meta.dirname))) {
      return context.skip('the account cannot read the folder of these tests');
    }
    const dataDir = await cases.newDataDir();
    await chown(dirname(dataDir), identity.uid, identity.gid);
    const starter = await cases.startElsewhere(dataDir, identity);
    expect(starter.answer.error).toBeUndefined();
    const pgData = join(dataDir, 'pgdata');
    expect(await ownerOfServer(pgData)).toBe(identity.uid);
    expect((await stat(dataDir)).mode & 0o777).toBe(0o700);
    starter.child.kill('SIGTERM');
    await once(starter.child, 'exit');

    const asRoot = await cases.start(dataDir);
    expect(await ownerOfServer(pgData)).toBe(identity.uid);
    await asRoot.stop();
    for (const file of ['state.json', 'secrets.json']) {
      expect((await stat(join(dataDir, file))).uid, file).toBe(identity.uid);
    }
    const again = await cases.startElsewhere(dataDir, identity);
    expect(again.answer.error).toBeUndefined();
  });

  it('is told when the files belong to somebody else', async (context) => {
    const account = await chooseServerAccount();
    const { identity } = account;
    if (identity === undefined || !(await accountCanReach(account, import.meta.dirname))) {
      return context.skip('the account cannot read the folder of these tests');
    }
    const dataDir = await cases.newDataDir();
    await mkdir(dataDir);
    await chmod(dataDir, 0o755);
    const starter = await cases.startElsewhere(dataDir, identity);
    expect(starter.answer).toMatchObject({ code: 'embedded_postgres_failed' });
    expect(starter.answer.error).toContain('Start as the user it belongs to');
  });
});
