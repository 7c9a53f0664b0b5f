import { expect, test } from 'vitest';
import { createTaskJob } from '../../src/jobs/run-task.ts';

test('works on the task that the payload names, until the signal', async () => {
  const calls: unknown[][] = [];
  const { signal } = new AbortController();
  const job = createTaskJob({
    runTask: async (...args) => {
      calls.push(args);
    },
  });
  await job({ task_id: '0190b1a0-7c3e-7000-8000-000000000001' }, { signal });
  expect(calls).toEqual([['0190b1a0-7c3e-7000-8000-000000000001', signal]]);
});
