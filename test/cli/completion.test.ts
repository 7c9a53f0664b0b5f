import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import type { AdminRequest } from '../../src/cli/admin-request.ts';
import { runCli } from './run-cli.ts';

const folder = mkdtempSync(join(tmpdir(), 'tenant-cli-'));
afterAll(() => rmSync(folder, { recursive: true }));

const unreached: AdminRequest = async () => {
  throw new Error('The API was asked.');
};

const file = (name: string, text: string) => {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
};

describe('completion', () => {
  test('bash completes commands, commands of groups, and options', async () => {
    const { stdout, exitCode } = await runCli(['completion', 'bash'], { api: unreached });
    expect(exitCode).toBe(0);
    const path = file('completion.bash', stdout);
    const complete = (...words: string[]) =>
      execFileSync('bash', [
        '--norc',
        '-c',
        `source "$0"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _tenant_cli; echo "\${COMPREPLY[@]}"`,
        path,
        'tenant-cli',
        ...words,
      ])
        .toString()
        .trim()
        .split(' ');
    expect(complete('rot')).toEqual(['rotate-credentials']);
    expect(complete('jobs', 'c')).toEqual(['cancel']);
    expect(complete('jobs', 'cancel', '--j')).toEqual(['--json']);
    expect(complete('create', '--fr')).toEqual(['--from']);
    expect(complete('show', 'acme', '--j')).toEqual(['--json']);
  });

  test.each(['zsh', 'fish'])('%s has every command', async (shell) => {
    const { stdout } = await runCli(['completion', shell], { api: unreached });
    for (const word of ['rotate-credentials', 'clear-cache', 'super-admin', 'read-only']) {
      expect(stdout).toContain(word);
    }
  });

  test('another shell is refused with those that there are', async () => {
    const { exitCode, stderr } = await runCli(['completion', 'tcsh'], { api: unreached });
    expect([exitCode, stderr]).toEqual([2, expect.stringContaining('bash, zsh, fish')]);
  });
});
