import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { beatRegularly } from '../../src/registry/beat-regularly.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

it('has one beat under way at most, and goes on when that one is through', async () => {
  const answers: (() => void)[] = [];
  const beat = () => new Promise<void>((resolve) => answers.push(resolve));
  const stop = beatRegularly({ everyMs: 1_000, beat, onError: () => expect.unreachable() });
  await vi.advanceTimersByTimeAsync(10_000);
  expect(answers).toHaveLength(1);
  answers[0]?.();
  await vi.advanceTimersByTimeAsync(1_000);
  expect(answers).toHaveLength(2);
  stop();
});

it('goes on after a beat that was not written, and says so each time', async () => {
  const said: unknown[] = [];
  const stop = beatRegularly({
    everyMs: 1_000,
    beat: () => Promise.reject(new Error('not written')),
    onError: (error) => said.push(error),
  });
  await vi.advanceTimersByTimeAsync(3_000);
  expect(said).toHaveLength(3);
  stop();
  await vi.advanceTimersByTimeAsync(3_000);
  expect(said).toHaveLength(3);
});
