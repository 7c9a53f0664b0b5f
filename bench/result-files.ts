import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { benchmarks } from './benchmarks.ts';
import { toSvg } from './chart.ts';
import { type Reported, toMarkdown } from './report.ts';
import type { BenchmarkResult } from './result.ts';

const root = join(import.meta.dirname, '..');
const fileOf = (id: string) => join(root, 'bench', 'results', `${id}.json`);
const chartFolder = join(root, 'docs', 'benchmarks');

export async function writeResult(result: BenchmarkResult): Promise<void> {
  await mkdir(join(root, 'bench', 'results'), { recursive: true });
  await writeFile(fileOf(result.id), `${JSON.stringify(result, null, 2)}\n`);
}

/** The last full run of each; what was never run is left out. */
export async function readResults(): Promise<Reported[]> {
  const all = await Promise.all(
    benchmarks.map(async (benchmark) => ({ benchmark, result: await read(benchmark.id) })),
  );
  return all.flatMap(({ benchmark, result }) => (result === undefined ? [] : [{ benchmark, result }]));
}

async function read(id: string): Promise<BenchmarkResult | undefined> {
  try {
    return JSON.parse(await readFile(fileOf(id), 'utf8')) as BenchmarkResult;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** The page and its pictures. */
export async function writePage(reported: readonly Reported[]): Promise<void> {
  await mkdir(chartFolder, { recursive: true });
  await writeFile(join(root, 'docs', 'benchmarks.md'), toMarkdown(reported));
  for (const { benchmark, result } of reported) {
    for (const [index, section] of result.sections.entries()) {
      if (section.measurements.length === 0) continue;
      await writeFile(join(chartFolder, `${benchmark.id.toLowerCase()}-${index}.svg`), toSvg(section));
    }
  }
}
