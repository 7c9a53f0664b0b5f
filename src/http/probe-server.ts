import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Health } from './health.ts';
import { explainListenError } from './listen-error.ts';

/** What Prometheus is told. */
type MetricsText = { contentType: string; scrape: () => Promise<string> };

export type ProbeServerNeeds = {
  health: Health;
  /** Undefined with ENABLE_METRICS=false. */
  metrics?: MetricsText | undefined;
  host: string;
  port: number;
};

/**
 * The small listener of every process, the worker included: `/health/live`, `/health/ready` and `/metrics`.
 * @returns its port and how to stop it.
 * @throws port_taken
 */
export async function startProbeServer({ host, port, ...needs }: ProbeServerNeeds) {
  const server = createServer((request, response) => {
    answer(needs, request, response).catch(() => response.destroy());
  });
  server.requestTimeout = 5_000;
  await listen(server, { host, port });
  const address = server.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : port,
    stop: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function listen(server: Server, { host, port }: { host: string; port: number }): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error) => reject(explainListenError(error, port, 'METRICS_PORT')));
    server.listen(port, host, resolve);
  });
}

type Answers = Pick<ProbeServerNeeds, 'health' | 'metrics'>;

async function answer(
  { health, metrics }: Answers,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const path = request.url?.split('?', 1)[0];
  if (path === '/health/live') return send(response, 200, { status: 'live' });
  if (path === '/metrics' && metrics !== undefined) return sendMetrics(response, metrics);
  if (path !== '/health/ready') return send(response, 404, { status: 'not_found' });
  const { status, checks } = await health.report();
  const isReady = status !== 'unhealthy';
  return send(response, isReady ? 200 : 503, { status: isReady ? 'ready' : 'not_ready', checks });
}

async function sendMetrics(response: ServerResponse, { contentType, scrape }: MetricsText): Promise<void> {
  const text = await scrape();
  response.writeHead(200, { 'content-type': contentType, 'cache-control': 'no-store' }).end(text);
}

function send(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, {
    'content-type': 'application/json; charset=utf-8',
    'cache-control': 'no-store',
    ...(status === 503 ? { 'retry-after': '2' } : {}),
  });
  response.end(JSON.stringify(body));
}
