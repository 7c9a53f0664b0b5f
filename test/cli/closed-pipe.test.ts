import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { failOnLeaks } from '../support/leaks.ts';

failOnLeaks();

const program = join(import.meta.dirname, 'list-process.ts');

test.each([['list'], ['list --json'], ['--help']])(
  '%s ends quietly with 0 when its reader has seen enough',
  async (args) => {
    const child = spawn(process.execPath, ['--import', 'tsx', program, ...args.split(' ')], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let errors = '';
    child.stderr.on('data', (chunk) => {
      errors += chunk;
    });
    child.stdout.once('data', () => child.stdout.destroy());
    const [code] = await once(child, 'close');
    expect(code).toBe(0);
    expect(errors).not.toMatch(/EPIPE|Error|at /);
  },
);

test('a message that nobody reads ends nothing', async () => {
  const child = spawn(process.execPath, ['--import', 'tsx', program, 'list'], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  child.stderr.destroy();
  let length = 0;
  child.stdout.on('data', (chunk) => {
    length += chunk.length;
  });
  const [code] = await once(child, 'close');
  expect(code).toBe(0);
  expect(length).toBeGreaterThan(1_000_000);
});
