import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AppError } from '../errors/app-error.ts';
import { errors } from '../errors/catalogue.ts';
import { problemHeaders, problemType, toProblem } from './problem.ts';

export type WaitingServerOptions = {
  port: number;
  host: string;
  publicUrl: string;
  /** What is being waited for, at this moment. */
  problem: () => AppError;
};

/**
 * Stands in for the API until the registry can be used: the process is alive, not ready, and says why.
 * @returns how to stop it.
 * @throws port_taken
 */
export async function startWaitingServer({
  port,
  host,
  publicUrl,
  problem,
}: WaitingServerOptions): Promise<() => Promise<void>> {
  const server = createServer((request, response) => {
    const path = (request.url ?? '/').split('?')[0] ?? '/';
    if (path === '/health/live') {
      response.writeHead(200, { 'content-type': 'application/json' }).end('{"status":"healthy"}');
      return;
    }
    const error = problem();
    response.writeHead(503, { 'content-type': problemType, ...problemHeaders(error) });
    response.end(JSON.stringify(toProblem(error, { publicUrl, path, requestId: randomUUID() })));
  });
  server.listen(port, host);
  await once(server, 'listening').catch((error: NodeJS.ErrnoException) => {
    throw error.code === 'EADDRINUSE' ? errors.portTaken(port, 'PORT').causedBy(error) : error;
  });
  return () => closeServer(server);
}

async function closeServer(server: Server): Promise<void> {
  const closed = once(server, 'close');
  server.close();
  server.closeAllConnections();
  await closed;
}
