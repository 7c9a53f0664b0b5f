import { defineConfig } from 'vitest/config';
import { CountReporter } from './test/support/count-reporter.ts';

const architectureTest = 'test/architecture.test.ts';

export default defineConfig({
  test: {
    maxWorkers: 2,
    teardownTimeout: 30_000,
    reporters: ['default', new CountReporter()],
    projects: [
      // Apart from the others, because `npm run check` runs it alone and needs no PostgreSQL for it.
      { test: { name: 'architecture', pool: 'forks', include: [architectureTest], testTimeout: 60_000 } },
      {
        test: {
          name: 'tests',
          environment: 'node',
          pool: 'forks',
          include: ['test/**/*.test.ts'],
          exclude: [architectureTest],
          globalSetup: 'test/support/global-setup.ts',
          testTimeout: 60_000,
          hookTimeout: 120_000,
          // How long a state may take to come about, on a busy machine as well.
          expect: { poll: { timeout: 15_000 } },
        },
      },
    ],
  },
});
