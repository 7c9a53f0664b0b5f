import { pino } from 'pino';
import { afterEach, expect, test } from 'vitest';
import type { Repair } from '../../src/reconcile/apply-repairs.ts';
import type { Found } from '../../src/reconcile/finding.ts';
import type { Tended } from '../../src/reconcile/reconcile.ts';
import { startReconciler } from '../../src/reconcile/reconciler.ts';
import { failOnLeaks } from '../support/leaks.ts';

failOnLeaks();
let stop: () => Promise<void>;
afterEach(() => stop());

const missing: Found = {
  kind: 'database_missing',
  server: 'default',
  subject: 't_1',
  tenantId: '1',
  detail: 'It is gone.',
  target: { of: 'nothing' },
};
const open: Found = { ...missing, kind: 'database_open', action: 'seal', detail: 'It is open.' };
const sealed: Repair = {
  server: 'default',
  subject: 'another name of the same tenant',
  tenant_id: '1',
  actions: ['seal'],
  outcome: 'done',
};

/** Each look sees the next of these; `undefined` fails. @returns what was said, and how often was looked. */
function start(looks: readonly (Partial<Tended> | undefined)[], isTurn = true) {
  let turns = 0;
  const lines: { level: number; msg: string }[] = [];
  const log = pino({}, { write: (line) => lines.push(JSON.parse(line)) });
  let asked = 0;
  const reconciler = startReconciler({
    tend: async () => {
      const look = looks[Math.min(asked, looks.length - 1)];
      asked += 1;
      if (look === undefined) throw new Error('the registry is away');
      return { ...none, ...look };
    },
    hold: async () => {
      turns += 1;
      return isTurn;
    },
    intervalMs: 5,
    log,
  });
  stop = reconciler.stop;
  return { said: () => lines.map(({ level, msg }) => [level, msg]), asked: () => asked, turns: () => turns };
}

const none: Tended = { found: [], unchecked: [], repairs: [] };

test('what stays is said once, and once more when it is gone', async () => {
  const seen = { found: [missing], repairs: [] };
  const { said, asked } = start([seen, seen, seen, none]);
  await expect.poll(asked).toBeGreaterThan(6);
  expect(said()).toEqual([
    [40, 'Registry and servers do not agree: It is gone.'],
    [30, 'What did not agree is mended'],
  ]);
});

test('a server that cannot be looked at is told of once, and what is known of it stays known', async () => {
  const seen = { found: [missing] };
  const away = { unchecked: [{ subject: 'default', reason: 'It is away.' }] };
  const { said, asked } = start([seen, away, away, seen, none]);
  await expect.poll(asked).toBeGreaterThan(6);
  expect(said()).toEqual([
    [40, 'Registry and servers do not agree: It is gone.'],
    [40, 'default cannot be compared: It is away.'],
    [30, 'default is compared again'],
    [30, 'What did not agree is mended'],
  ]);
});

test('what was mended at once is not complained about', async () => {
  const { said, asked } = start([{ found: [open], repairs: [sealed] }, none]);
  await expect.poll(asked).toBeGreaterThan(2);
  expect(said()).toEqual([]);
});

test('a repair that failed leaves its finding to be told', async () => {
  const { said, asked } = start([{ found: [open], repairs: [{ ...sealed, outcome: 'failed' }] }]);
  await expect.poll(asked).toBeGreaterThan(2);
  expect(said()).toEqual([[40, 'Registry and servers do not agree: It is open.']]);
});

test('an outage is said once, and it goes on looking', async () => {
  const { said, asked } = start([undefined, undefined, none]);
  await expect.poll(asked).toBeGreaterThan(4);
  expect(said()).toEqual([[40, 'Comparing the registry with the servers failed; it is tried again']]);
});

test('nothing is looked at while it is another process’s turn', async () => {
  const { asked, turns } = start([none], false);
  await expect.poll(turns).toBeGreaterThan(3);
  expect(asked()).toBe(0);
});
