import { type ExposedMetric, parseExposition } from './exposition.ts';
import { Failure, wrongUsage } from './failure.ts';

/** A scrape waits 3 s for what cannot be read. */
const timeoutMs = 10_000;

/** @throws Failure where no process tells its metrics. */
export async function fetchMetrics(address: string): Promise<ExposedMetric[]> {
  const url = URL.canParse(address) ? new URL(address) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol)) {
    throw wrongUsage('--url must be a URL such as http://localhost:9090/metrics.');
  }
  const response = await fetch(url, { signal: AbortSignal.timeout(timeoutMs) }).catch((error: unknown) => {
    throw noMetrics(`${url.href} does not answer.`, error);
  });
  const text = await response.text().catch((error: unknown) => {
    throw noMetrics(`The answer of ${url.href} broke off.`, error);
  });
  if (!response.ok) throw noMetrics(`${url.href} answers with ${response.status}.`);
  const metrics = parseExposition(text);
  if (metrics === undefined) throw noMetrics(`What ${url.href} answers is no text for Prometheus.`);
  return metrics;
}

function noMetrics(message: string, cause?: unknown): Failure {
  return new Failure({
    title: 'No metrics',
    message,
    hints: [
      'Metrics are on METRICS_PORT of each process, under /metrics, unless ENABLE_METRICS=false: --url http://HOST:METRICS_PORT/metrics',
    ],
    cause,
  });
}
