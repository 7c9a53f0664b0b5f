import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What a request looked like when it arrived. */
export type Arrived = {
  method: string;
  path: string;
  query: Record<string, string>;
  headers: IncomingMessage['headers'];
  body: unknown;
};

export type CannedAnswer = {
  status?: number;
  body?: unknown;
  /** Sent as it is instead of JSON. */
  text?: string;
  headers?: Record<string, string>;
  /** The connection is cut instead of an answer. */
  cut?: true;
};

export type AdminStandIn = {
  url: string;
  arrived: Arrived[];
  stop: () => Promise<void>;
};

/** A server over real HTTP that speaks the shapes of the admin API; `answer` decides what it says. */
export async function startAdminStandIn(answer: (call: Arrived) => CannedAnswer): Promise<AdminStandIn> {
  const arrived: Arrived[] = [];
  const server = createServer((request, response) => {
    void readCall(request).then((call) => {
      arrived.push(call);
      const { status = 200, body, text, headers = {}, cut } = answer(call);
      if (cut) return request.socket.destroy();
      const isProblem = status >= 400;
      response.writeHead(status, {
        'content-type': isProblem ? 'application/problem+json' : 'application/json',
        connection: 'close',
        ...headers,
      });
      response.end(text ?? JSON.stringify(body));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    arrived,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function readCall(request: IncomingMessage): Promise<Arrived> {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part as Buffer);
  const text = Buffer.concat(parts).toString('utf8');
  const url = new URL(request.url ?? '/', 'http://stand-in');
  return {
    method: request.method ?? '',
    path: url.pathname,
    query: Object.fromEntries(url.searchParams),
    headers: request.headers,
    body: text === '' ? undefined : JSON.parse(text),
  };
}

export function tenant(slug: string, more: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    id: `0199a0aa-0000-7000-8000-${Buffer.from(slug).toString('hex').padEnd(12, '0').slice(0, 12)}`,
    slug,
    tenant_key: slug,
    name: slug.toUpperCase(),
    mode: 'shared',
    status: 'active',
    plan: 'free',
    region: 'default',
    server: 'primary',
    database_name: 'twenty_tenant_abc123',
    users: 1,
    database_size_bytes: 8_912_896,
    created_at: '2026-01-01T10:00:00.123Z',
    last_activity_at: null,
    schema_version: null,
    ...more,
  };
}

export function success(data: unknown, page?: { next_cursor: string | null; total?: number }): CannedAnswer {
  return { body: { success: true, data, ...(page === undefined ? {} : { page }) } };
}

export function problem(status: number, code: string, more: Record<string, unknown> = {}): CannedAnswer {
  return {
    status,
    body: {
      type: `https://tm.example/docs/errors#${code}`,
      title: `Title of ${code}`,
      status,
      detail: `Detail of ${code}.`,
      instance: '/',
      success: false,
      code,
      request_id: 'request-4711',
      ...more,
    },
  };
}
