import type { CliCommand } from '../cli-command.ts';
import type { ExposedMetric } from '../exposition.ts';
import { fetchMetrics } from '../fetch-metrics.ts';
import type { Look } from '../look.ts';
import type { Act, Session } from '../session.ts';
import { renderTable } from '../table.ts';

type MetricsOptions = { url: string; json?: true };

type Line = { name: string; labels: string; value: string };

export function addMetricsCommand(program: CliCommand, act: Act): void {
  program
    .command('metrics')
    .description('Print what one process measures. Of a histogram, the number and the mean are shown.')
    .argument('[name]', 'only metrics whose name has this in it')
    .option('--url <url>', 'the metrics of this process', 'http://localhost:9090/metrics')
    .withJson()
    .withExamples(
      { line: 'tenant-cli metrics', does: 'the process on this machine whose METRICS_PORT is 9090' },
      { line: 'tenant-cli metrics lease', does: 'only how long requests wait for connections' },
      {
        line: 'tenant-cli metrics --url http://10.0.0.7:9090/metrics --json',
        does: 'another process, every sample, for a program',
      },
    )
    .action((name: string | undefined, options: MetricsOptions) =>
      act((session) => showMetrics(session, name ?? '', options)),
    );
}

async function showMetrics(
  { output }: Session,
  part: string,
  { url, json }: MetricsOptions,
): Promise<undefined> {
  const all = await fetchMetrics(url);
  const metrics = all.filter(({ name }) => name.includes(part));
  if (json) await output.json(metrics);
  else await output.text(renderMetrics(metrics, output.look));
}

function renderMetrics(metrics: readonly ExposedMetric[], look: Look): string {
  const lines = metrics.flatMap((metric) => (metric.type === 'histogram' ? means(metric) : values(metric)));
  return renderTable(
    lines,
    [
      { head: 'METRIC', value: ({ name }) => name, shrinksTo: 20 },
      { head: 'LABELS', value: ({ labels }) => labels, shrinksTo: 10 },
      { head: 'VALUE', value: ({ value }) => value, align: 'right' },
    ],
    look,
  );
}

function values({ samples }: ExposedMetric): Line[] {
  return samples.map(({ name, labels, value }) => ({ name, labels: shown(labels), value: rounded(value) }));
}

function means({ name, samples }: ExposedMetric): Line[] {
  const sums = new Map(
    samples.filter((each) => each.name === `${name}_sum`).map(({ labels, value }) => [shown(labels), value]),
  );
  return samples
    .filter((each) => each.name === `${name}_count`)
    .map(({ labels, value: count }) => {
      const mean = count === 0 ? '' : `, mean ${rounded((sums.get(shown(labels)) ?? 0) / count)}`;
      return { name, labels: shown(labels), value: `${count}${mean}` };
    });
}

const shown = (labels: Record<string, string>) =>
  Object.entries(labels)
    .map(([name, value]) => `${name}=${value}`)
    .join(' ');

const rounded = (value: number) =>
  Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(4)));
