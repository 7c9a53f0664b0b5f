import { describe, expect, test } from 'vitest';
import type { AdminRequest } from '../../src/cli/admin-request.ts';
import { runCli } from './run-cli.ts';

/** Fails the test when a call that is wrong already reaches the API. */
const unreached: AdminRequest = async () => {
  throw new Error('The API was asked.');
};

describe('wrong usage ends with 2 and asks the API nothing:', () => {
  test.each([
    ['no command', []],
    ['an unknown command', ['frobnicate']],
    ['an unknown option', ['list', '--frobnicate']],
    ['a missing argument', ['show']],
    ['one argument too many', ['show', 'acme', 'globex']],
    ['a missing option', ['create', '--name', 'ACME']],
    ['an empty option', ['create', '--name', ' ', '--email', 'a@b.c']],
    ['a limit of 0', ['list', '--limit', '0']],
    ['a limit of 201', ['list', '--limit', '201']],
    ['a limit that is no number', ['list', '--limit', '10x']],
    ['a group without its command', ['super-admin']],
  ])('%s', async (_what, args) => {
    const { exitCode, stdout, stderr } = await runCli(args, { api: unreached });
    expect([exitCode, stdout]).toEqual([2, '']);
    expect(stderr).not.toContain('The API was asked');
    expect(stderr).not.toBe('');
  });
});

test('a mistyped command is met with the right one', async () => {
  const { stderr } = await runCli(['lsit'], { api: unreached });
  expect(stderr).toContain("unknown command 'lsit'");
  expect(stderr).toContain('(Did you mean list?)');
});

test('what was typed cannot command the terminal', async () => {
  const { stderr } = await runCli(['\u001b[2Jlist'], { api: unreached, terminal: true, noColor: true });
  expect(stderr).toContain('\\x1b[2Jlist');
  expect(stderr).not.toContain('\u001b');
});

describe('help', () => {
  test.each([[['--help']], [['help']]])('%j lists the commands, examples and exit codes', async (args) => {
    const { exitCode, stdout, stderr } = await runCli(args, { api: unreached });
    expect([exitCode, stderr]).toEqual([0, '']);
    for (const command of [
      'list',
      'show',
      'create',
      'suspend',
      'activate',
      'retry',
      'delete',
      'stats',
      'health',
    ]) {
      expect(stdout).toMatch(new RegExp(`^ {2}${command} `, 'm'));
    }
    expect(stdout).toContain('Examples:');
    expect(stdout).toContain('Exit codes:');
    expect(stdout).not.toContain('\u001b');
  });

  test.each([[['create', '--help']], [['help', 'create']], [['super-admin', 'create', '--help']]])(
    '%j has examples, and never offers --password',
    async (args) => {
      const { exitCode, stdout } = await runCli(args, { api: unreached });
      expect(exitCode).toBe(0);
      expect(stdout).toContain('Examples:');
      expect(stdout).toContain('--password-stdin');
      expect(stdout).not.toMatch(/--password[ \n]/);
    },
  );

  test('fits the terminal', async () => {
    const { stdout } = await runCli(['--help'], {
      api: unreached,
      terminal: true,
      noColor: true,
      columns: 70,
    });
    for (const line of stdout.split('\n')) expect(line.length, line).toBeLessThanOrEqual(70);
  });
});

test('--version prints the version alone', async () => {
  expect(await runCli(['--version'], { api: unreached })).toEqual({
    exitCode: 0,
    stdout: '1.2.3\n',
    stderr: '',
  });
});
