import { afterEach, expect, test } from 'vitest';
import { createHands } from '../../src/queue/hands.ts';
import { createSweep, startSweeper } from '../../src/queue/sweeper.ts';
import { listHeartbeats, startBeating } from '../../src/registry/repositories/heartbeats.ts';
import { failOnLeaks } from '../support/leaks.ts';
import { createTestRegistry } from '../support/test-registry.ts';
import { captureLog, until } from './captured-log.ts';

failOnLeaks();

const signal = new AbortController().signal;
const cleanups: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const cleanUp of cleanups.splice(0).reverse()) await cleanUp();
});

/** Two hands whose work ends when the test says so. */
function openHands() {
  const output = captureLog();
  const begun: string[] = [];
  const ends = new Map<string, (outcome?: Error) => void>();
  const hands = createHands<string>({
    atOnce: 2,
    work: (item, stopped) =>
      new Promise((resolve, reject) => {
        begun.push(item);
        ends.set(item, (error) => (error ? reject(error) : resolve()));
        stopped.addEventListener('abort', () => resolve(), { once: true });
      }),
    log: output.log,
  });
  return { hands, begun, output, end: (item: string, error?: Error) => ends.get(item)?.(error) };
}

/** Gives what is forgotten as the registry would: no more than asked for, and nothing twice. */
function openSweep(forgotten: string[]) {
  const bench = openHands();
  const rung: string[] = [];
  const sweep = createSweep<string>({
    takeForgotten: async ({ limit }) => forgotten.splice(0, limit),
    hands: bench.hands,
    ring: async (item) => void rung.push(item),
  });
  return { ...bench, rung, sweep };
}

test('what is forgotten is taken up by free hands, and by no more than there are', async () => {
  const { sweep, hands, begun, rung, end } = openSweep(['a', 'b', 'c']);
  await sweep.look();
  expect([hands.free(), sweep.isBusy()]).toEqual([0, true]);
  await until(() => begun.length === 2);
  await sweep.look();
  expect(begun).toEqual(['a', 'b']);
  end('a');
  await until(() => hands.free() === 1);
  await sweep.look();
  await until(() => begun.length === 3);
  expect([begun, rung]).toEqual([['a', 'b', 'c'], []]);
  await hands.stop();
  expect(sweep.isBusy()).toBe(false);
});

test('what is forgotten is rung for while the queue keeps all hands busy', async () => {
  const { sweep, hands, begun, rung, end } = openSweep(['c', 'd']);
  const jobs = ['a', 'b'].map((item) => hands.workOn(item, signal));
  await until(() => begun.length === 2);
  await sweep.look();
  expect([begun, rung]).toEqual([
    ['a', 'b'],
    ['c', 'd'],
  ]);
  for (const item of begun) end(item);
  await Promise.all(jobs);
});

test('hands do no more at once, whoever brings it, and say what ended badly', async () => {
  const { hands, begun, end, output } = openHands();
  hands.take('a');
  hands.take('b');
  const job = hands.workOn('c', signal);
  await until(() => begun.length === 2);
  end('a', new Error('out of luck'));
  await until(() => begun.length === 3);
  expect(output.complaints()).toEqual(['A job ended badly; it is tried again']);
  end('c');
  await job;
  await hands.stop();
  expect(hands.taken()).toBe(0);
});

test('a sweeper leaves its heartbeat, and says once that it cannot look', async () => {
  const registry = await createTestRegistry();
  cleanups.push(registry.drop);
  const output = captureLog();
  let looks = 0;
  const sweeper = startSweeper({
    sweeps: [
      {
        isBusy: () => false,
        look: async () => {
          looks += 1;
          if (looks <= 3) throw new Error('The registry is away');
        },
      },
    ],
    beat: () => startBeating(registry.database, { name: 'sweeper', holder: 'here' }),
    intervalMs: 10,
    log: output.log,
  });
  cleanups.push(sweeper.stop);
  await until(() => looks === 3);
  expect(await listHeartbeats(registry.database)).toEqual([]);
  await until(async () => (await listHeartbeats(registry.database)).length === 1);
  const [first] = await listHeartbeats(registry.database);
  expect(first).toEqual({ name: 'sweeper', holder: 'here', beatAt: expect.any(Date) });
  const seen = looks;
  await until(() => looks > seen + 10);
  // Once in five seconds is enough.
  expect(await listHeartbeats(registry.database)).toEqual([first]);
  expect(output.complaints()).toEqual(['Looking for forgotten work failed; it is tried again']);
});
