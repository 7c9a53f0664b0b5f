import { findBinaries } from '../src/embedded/binaries.ts';
import { chooseServerAccount } from '../src/embedded/server-account.ts';
import type { Benchmark, BenchOptions } from './benchmark.ts';
import { describeMachine } from './machine.ts';
import type { BenchmarkResult } from './result.ts';

/** Where a person who runs tests as root has readable copies of the server's programs. */
const copyParent = '/var/lib/tenant-manager';

export async function runBenchmark(benchmark: Benchmark, options: BenchOptions): Promise<BenchmarkResult> {
  const account = await chooseServerAccount();
  const { major } = await findBinaries({ account, copyParent });
  const startedAt = new Date().toISOString();
  const machine = await describeMachine(String(major));
  const sections = await benchmark.run(options);
  const mode = options.isSmall ? 'small' : 'full';
  return { id: benchmark.id, title: benchmark.title, startedAt, mode, machine, sections };
}
