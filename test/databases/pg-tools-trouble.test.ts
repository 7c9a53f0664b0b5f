import { writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findPgTools } from '../../src/databases/pg-tools.ts';
import { failOnLeaks } from '../support/leaks.ts';
import { openTemplatePlace, type TemplatePlace } from './template-place.ts';

failOnLeaks();

let on: TemplatePlace;

beforeAll(async () => {
  on = await openTemplatePlace();
});
afterAll(() => on.close());

describe('finding pg_dump', () => {
  it('passes over one that hangs and one that cannot be run', async () => {
    const good = dirname(await on.makeShim('pg_dump', 'echo "pg_dump (PostgreSQL) 98.2"'));
    const says = '#!/bin/sh\necho "pg_restore (PostgreSQL) 98.2"\n';
    await writeFile(join(good, 'pg_restore'), says, { mode: 0o755 });
    const hanging = dirname(await on.makeShim('pg_dump', 'exec sleep 600'));
    const broken = dirname(await on.makeShim('pg_dump', ''));
    await writeFile(join(broken, 'pg_dump'), '#!/nonexistent/interpreter\n', { mode: 0o755 });
    const searchPath = [hanging, broken, good].join(':');
    const found = await findPgTools({ serverMajor: 98, searchPath, answerMs: 500 });
    expect(found.where).toBe(join(good, 'pg_dump'));
    for (const [folder, said] of [
      [hanging, 'gave no answer in 500 ms'],
      [broken, 'could not be started'],
    ] as const) {
      const place = { pgDump: join(folder, 'pg_dump'), serverMajor: 98, answerMs: 500 };
      await expect(findPgTools(place)).rejects.toMatchObject({
        code: 'pg_dump_failed',
        message: expect.stringContaining(said),
      });
    }
  });

  it('says that docker is not installed, and that it does not answer', async () => {
    const docker = { container: 'a-database', dockerHost: 'tcp://10.0.0.1:2375' };
    const empty = { serverMajor: on.major, searchPath: '/nonexistent', docker };
    await expect(findPgTools(empty)).rejects.toMatchObject({
      code: 'pg_dump_failed',
      message: expect.stringMatching(/"docker" could not be started .*Install "docker"/),
    });
    const folder = dirname(await on.makeShim('docker', 'exec sleep 600'));
    const hanging = { ...empty, searchPath: `${folder}:${process.env.PATH}`, answerMs: 300 };
    await expect(findPgTools(hanging)).rejects.toMatchObject({
      code: 'pg_dump_failed',
      message: expect.stringMatching(/no answer in time.*tcp:\/\/10\.0\.0\.1:2375/),
    });
  });
});
