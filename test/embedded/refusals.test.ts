import { execFileSync } from 'node:child_process';
import { mkdir, readFile, rename, rm, statfs, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readEmbeddedEnvironment } from '../../src/embedded/embedded-environment.ts';
import { createEmbeddedCases, refusal } from './embedded-cases.ts';

const cases = createEmbeddedCases();
const isRoot = process.getuid?.() === 0;
let dataDir: string;

/** A server that was set up and stopped; each test puts back what it changes. */
beforeAll(async () => {
  dataDir = await cases.newDataDir();
  await (await cases.start(dataDir)).stop();
});
afterAll(() => cases.cleanUp());

async function expectRefusal(start: Promise<unknown>, ...words: string[]): Promise<void> {
  const error = await refusal(start);
  expect(error.code).toBe('embedded_postgres_failed');
  for (const word of words) expect(error.message).toContain(word);
}

describe('a data directory of another major version', () => {
  it('is refused with both versions and both ways out', async () => {
    const path = join(dataDir, 'pgdata', 'PG_VERSION');
    const version = await readFile(path, 'utf8');
    await writeFile(path, '9\n');
    await expectRefusal(
      cases.start(dataDir),
      'was made by PostgreSQL 9',
      `is version ${version.trim()}`,
      'apt-get install postgresql-9',
      `move ${join(dataDir, 'pgdata')} away`,
    );
    await writeFile(path, version);
    await (await cases.start(dataDir)).stop();
  });
});

describe('a folder with something else in it', () => {
  it('is refused when it is the data directory of another PostgreSQL', async () => {
    const folder = await cases.newDataDir();
    await mkdir(folder);
    await writeFile(join(folder, 'PG_VERSION'), '15\n');
    await expectRefusal(cases.start(folder), 'another PostgreSQL', 'EMBEDDED_DATA_DIR');
  });

  it('is refused when pgdata is no data directory', async () => {
    const folder = await cases.newDataDir();
    await mkdir(join(folder, 'pgdata'), { recursive: true });
    await writeFile(join(folder, 'pgdata', 'holiday.jpg'), '');
    await expectRefusal(cases.start(folder), 'pgdata');
  });

  it('is refused when it is a file', async () => {
    const folder = await cases.newDataDir();
    await writeFile(folder, '');
    await expectRefusal(cases.start(folder), 'is not a folder', 'EMBEDDED_DATA_DIR');
  });
});

describe('a data folder that is not whole', () => {
  it.each([
    ['secrets.json', 'secrets.json no longer holds'],
    ['pgdata', 'are gone'],
  ])('is refused without %s', async (name, words) => {
    await rename(join(dataDir, name), join(dataDir, `${name}.away`));
    await expectRefusal(cases.start(dataDir), words);
    await rename(join(dataDir, `${name}.away`), join(dataDir, name));
  });

  it.each(['secrets.json', 'state.json'])(
    'is refused with a damaged %s, which is not shown',
    async (name) => {
      const path = join(dataDir, name);
      const text = await readFile(path, 'utf8');
      await writeFile(path, text.slice(0, -3));
      const error = await refusal(cases.start(dataDir));
      expect(error.message).toContain(`${name} is damaged`);
      expect(error.cause).toBeUndefined();
      await writeFile(path, text);
    },
  );
});

describe('a machine without PostgreSQL', () => {
  it('is told what to do', async () => {
    const binDir = join(dataDir, 'nothing-here');
    await expectRefusal(
      cases.start(await cases.newDataDir(), { binDir }),
      binDir,
      'EMBEDDED_PG_BIN',
      'GLOBAL_DATABASE_URL',
    );
  });
});

describe('a full disk', () => {
  it.skipIf(!isRoot)(
    'is refused before and after the set-up (skipped without root: it mounts a small disk)',
    async (context) => {
      const folder = await cases.newDataDir();
      await mkdir(folder, { mode: 0o711 });
      try {
        execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=150m,mode=711', 'tmpfs', folder], {
          stdio: 'ignore',
        });
      } catch {
        context.skip('this machine lets nobody mount a disk');
      }
      try {
        await expectRefusal(cases.start(folder), 'is full', 'Free now: 1');
        execFileSync('mount', ['-o', 'remount,size=400m', folder]);
        await (await cases.start(folder)).stop();
        const { bavail, bsize } = await statfs(folder);
        await writeFile(join(folder, 'filler'), Buffer.alloc(bavail * bsize));
        await expectRefusal(cases.start(folder), 'is full');
        await rm(join(folder, 'filler'));
        await (await cases.start(folder)).stop();
      } finally {
        execFileSync('umount', [folder]);
      }
    },
  );
});

describe('another process that asks for the environment', () => {
  it('gets nothing where no server was ever set up', async () => {
    expect(await readEmbeddedEnvironment(await cases.newDataDir())).toBeNull();
  });

  it('is told when the server does not run', async () => {
    await expectRefusal(readEmbeddedEnvironment(dataDir), 'is not running', 'npm start');
  });
});
