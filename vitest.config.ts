import { defineConfig } from 'vitest/config';
import { CountReporter } from './test/support/count-reporter.ts';
import { LongestFirst } from './test/support/longest-first.ts';

const architectureTest = 'test/architecture.test.ts';

/**
 * They wait for outages and for deadlines, some of which are limits that the requirements set: they would fail where
 * others take the processor, and need little of it themselves.
 */
const testsOfTime = [
  'test/faults/{connection-budget,lost-messages,postgres-restarts,queue-redis,queue-worker-frozen}.test.ts',
  'test/faults/{warm-keeper-frozen,worker-killed}.test.ts',
  'test/queue/{killed-worker,outages}.test.ts',
];

/** They compare times with each other, and run when nothing else does. */
const testsAlone = ['test/faults/noisy-neighbour.test.ts'];

const withServers = {
  environment: 'node',
  pool: 'forks',
  globalSetup: 'test/support/global-setup.ts',
  setupFiles: 'test/support/after-each-file.ts',
  testTimeout: 60_000,
  hookTimeout: 120_000,
  // How long a state may take to come about, on a busy machine as well.
  expect: { poll: { timeout: 15_000 } },
} as const;

export default defineConfig({
  test: {
    maxWorkers: 2,
    teardownTimeout: 30_000,
    reporters: ['default', new CountReporter()],
    sequence: { sequencer: LongestFirst },
    projects: [
      // Apart from the others, because `npm run check` runs it alone and needs no PostgreSQL for it.
      { test: { name: 'architecture', pool: 'forks', include: [architectureTest], testTimeout: 60_000 } },
      {
        test: {
          ...withServers,
          name: 'tests',
          include: ['test/**/*.test.ts'],
          exclude: [architectureTest, ...testsOfTime, ...testsAlone],
        },
      },
      {
        test: {
          ...withServers,
          name: 'time',
          include: testsOfTime,
          sequence: { groupOrder: 1 },
        },
      },
      {
        test: {
          ...withServers,
          name: 'alone',
          include: testsAlone,
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
});
