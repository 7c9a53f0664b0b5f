import { Agent, request } from 'node:http';

/** Asks over connections that stay open; several times as fast as `fetch` where a test asks very often. */
export function createKeepAliveClient(origin: string, maxSockets = 64) {
  const { hostname, port } = new URL(origin);
  const agent = new Agent({ keepAlive: true, maxSockets });

  return {
    get(path: string, headers: Record<string, string>): Promise<{ status: number; text: string }> {
      return new Promise((resolve, reject) => {
        const asked = request({ hostname, port, path, headers, agent }, (answer) => {
          const chunks: Buffer[] = [];
          answer.on('data', (chunk: Buffer) => chunks.push(chunk));
          answer.on('end', () =>
            resolve({ status: answer.statusCode ?? 0, text: Buffer.concat(chunks).toString() }),
          );
          answer.on('error', reject);
        });
        asked.on('error', reject).end();
      });
    },
    close: (): void => agent.destroy(),
  };
}
