import { parseArgs } from 'node:util';
import { type BenchOptions, smallOptions } from './benchmark.ts';
import { benchmarks } from './benchmarks.ts';
import { benchmarkText } from './report.ts';
import { countErrors } from './result.ts';
import { readResults, writePage, writeResult } from './result-files.ts';
import { runBenchmark } from './run-benchmark.ts';
import { schemaSizes } from './schemas.ts';

const usage = `npm run bench -- [${benchmarks.map(({ id }) => id).join('] [')}] [--small] [--rounds n] [--sizes 10,66]`;

/** Runs what is named, all without a name. The exit code is 1 when any answer was wrong. */
async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      small: { type: 'boolean', default: false },
      rounds: { type: 'string' },
      sizes: { type: 'string' },
    },
  });
  const chosen = benchmarks.filter(({ id }) => positionals.length === 0 || positionals.includes(id));
  if (chosen.length < new Set(positionals).size || chosen.length === 0) throw new Error(usage);
  const options = optionsOf(values);
  let errorCount = 0;
  for (const benchmark of chosen) {
    const result = await runBenchmark(benchmark, options);
    errorCount += countErrors(result);
    console.log(benchmarkText({ benchmark, result }));
    for (const { name, errors } of result.sections.flatMap(({ measurements }) => measurements)) {
      for (const error of errors) console.error(`${benchmark.id}, ${name}: ${error}`);
    }
    if (!options.isSmall) await writeResult(result);
  }
  if (!options.isSmall) await writePage(await readResults());
  return errorCount === 0 ? 0 : 1;
}

function optionsOf(given: { small: boolean; rounds?: string; sizes?: string }): BenchOptions {
  const sizes = given.sizes?.split(',').map(Number) ?? schemaSizes.map(({ tables }) => tables);
  const rounds = Number(given.rounds ?? 9);
  if (!Number.isInteger(rounds) || rounds < 1) throw new Error(usage);
  return given.small ? { ...smallOptions, say } : { isSmall: false, rounds, sizes, say };
}

function say(line: string): void {
  console.error(line);
}

process.exitCode = await main();
