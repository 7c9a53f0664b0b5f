import { writeFileSync } from 'node:fs';
import type { Reporter, TestModule } from 'vitest/node';

export type TestCounts = { passed: number; failed: number; skipped: number };

/**
 * Prints `N passed, N failed[, N skipped]` as the run's closing line. With TEST_COUNTS_FILE set the counts go
 * to that file instead, for `npm test`, which adds its own checks before it prints the line.
 */
export class CountReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly unknown[]): void {
    const counts = countTests(modules, unhandledErrors.length);
    if (counts.passed + counts.failed === 0) {
      console.error('No test ran: that counts as a failure.');
      process.exitCode = 1;
    }
    const file = process.env.TEST_COUNTS_FILE;
    if (file) writeFileSync(file, JSON.stringify(counts));
    else console.log(closingLine(counts));
  }
}

/** What broke outside a test (a file that does not load, a hook, a stray rejection) counts as failed. */
function countTests(modules: readonly TestModule[], unhandledErrors: number): TestCounts {
  const counts = { passed: 0, failed: unhandledErrors, skipped: 0 };
  for (const module of modules) {
    let failedHere = 0;
    for (const test of module.children.allTests()) {
      const { state } = test.result();
      if (state === 'passed') counts.passed += 1;
      else if (state === 'skipped') counts.skipped += 1;
      else failedHere += 1;
    }
    counts.failed += failedHere === 0 && !module.ok() ? 1 : failedHere;
  }
  return counts;
}

export function closingLine({ passed, failed, skipped }: TestCounts): string {
  const skippedPart = skipped > 0 ? `, ${skipped} skipped` : '';
  return `${passed} passed, ${failed} failed${skippedPart}`;
}
