import type { MetricDefinition } from '../../src/telemetry/define-metric.ts';
import { metricCatalogue } from '../../src/telemetry/metrics.ts';
import { code, escapeText, generatedNote, markdownTable } from './markdown.ts';

const introduction = `# Metrics

${generatedNote('src/telemetry/metrics.ts')}

Every process, the worker included, tells Prometheus at \`http://HOST:METRICS_PORT/metrics\`; \`ENABLE_METRICS=false\` turns that off. \`tenant-cli metrics\` prints what one process says. That port has no access control: keep it within your network.

- Units are seconds, bytes and ratios from 0 to 1.
- *Fleet*: true of the whole installation. Every process that can reads it in the registry, at most every 5 seconds, and tells the same: aggregate it with \`max\`, never with \`sum\`. Everything else is of one process.
- Labels have few values. Routes are templates, codes and reasons are those of the [errors](errors.md); nothing says which tenant, person or path it was about.
- What cannot be read is left out of a scrape, and \`metrics_read_errors_total\` counts; the rest is there.
- Beside these there are \`process_*\` and \`nodejs_*\`, as prom-client names them.
`;

export function renderMetricsReference(): string {
  const rows = Object.values<MetricDefinition>(metricCatalogue).map(
    ({ name, kind, isFleet, labels, help }) => [
      code(name),
      isFleet ? `${kind}, fleet` : kind,
      labels.map(code).join(', '),
      escapeText(help),
    ],
  );
  return `${introduction}\n${markdownTable(['Metric', 'Type', 'Labels', 'Meaning'], rows)}\n`;
}
