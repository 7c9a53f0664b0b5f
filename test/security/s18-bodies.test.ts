import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { openSecurityPlace, type Person, type SecurityPlace } from './security-place.ts';

let place: SecurityPlace;
let port: number;
let admin: Person;
const sockets: Socket[] = [];

beforeAll(async () => {
  place = await openSecurityPlace();
  admin = await place.register('Bodies');
  const url: string = await place.app.listen({ port: 0, host: '127.0.0.1' });
  port = Number(new URL(url).port);
});
afterAll(() => place.stop());
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy();
});

type Talk = { socket: Socket; text: () => string; closed: Promise<unknown> };

async function talk(...parts: (string | Buffer)[]): Promise<Talk> {
  const socket = connect(port, '127.0.0.1');
  sockets.push(socket);
  let text = '';
  socket.on('error', () => undefined);
  socket.on('data', (chunk) => {
    text += chunk;
  });
  const closed = once(socket, 'close');
  await once(socket, 'connect');
  for (const part of parts) socket.write(part);
  return { socket, text: () => text, closed };
}

const statusOf = (text: string) => Number(/^HTTP\/1\.1 (\d+)/.exec(text)?.[1]);
const isAlive = async () => (await place.send('GET', '/api/me', { token: admin.token })).statusCode === 200;

const post = (body: string | Buffer, headers: Record<string, string> = {}): (string | Buffer)[] => {
  const lines = Object.entries({ 'content-type': 'application/json', ...headers }).map(
    ([name, value]) => `${name}: ${value}\r\n`,
  );
  const length = `content-length: ${Buffer.byteLength(body)}\r\n`;
  return [
    `POST /api/auth/login HTTP/1.1\r\nhost: x\r\n${lines.join('')}${length}connection: close\r\n\r\n`,
    body,
  ];
};

const manyKeys = () => `{${Array.from({ length: 90_000 }, (_, at) => `"k${at}":1`).join(',')}}`;
const bomb = () => gzipSync(Buffer.alloc(50 * 1_048_576, ' '));

type Case = [string, () => (string | Buffer)[], number];
const bodies: Case[] = [
  ['S18.01 of 1 MiB and a byte', () => post(' '.repeat(1_048_577)), 413],
  ['S18.02 of 90,000 fields', () => post(manyKeys()), 400],
  ['S18.03 of 10,000 lists within each other', () => post('['.repeat(10_000) + ']'.repeat(10_000)), 400],
  ['S18.04 of 100,000 open braces', () => post('{"a":'.repeat(100_000)), 400],
  ['S18.05 that is a bomb of gzip', () => post(bomb(), { 'content-encoding': 'gzip' }), 400],
  ['S18.06 of a type that there is not', () => post('a', { 'content-type': 'application/xml' }), 415],
  [
    'S18.07 of many parts',
    () => post('--x\r\n\r\n', { 'content-type': 'multipart/form-data; boundary=x' }),
    415,
  ],
  [
    'S18.08 whose length is a lie',
    () => [
      'POST /api/auth/login HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 99999999999\r\nconnection: close\r\n\r\n{}',
    ],
    413,
  ],
  [
    'S18.09 whose length is no number',
    () => ['POST /api/auth/login HTTP/1.1\r\nhost: x\r\ncontent-length: 1x\r\n\r\n{}'],
    400,
  ],
  [
    'S18.10 with a length beside chunks',
    () => [
      'POST /api/auth/login HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n',
    ],
    400,
  ],
  [
    'S18.11 in chunks that are more than 1 MiB',
    () => [
      'POST /api/auth/login HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n',
      ...Array.from({ length: 20 }, () => `10000\r\n${' '.repeat(65_536)}\r\n`),
    ],
    413,
  ],
];

const requests: Case[] = [
  [
    'S18.12 of 20 kB of headers',
    () => [`GET /health/live HTTP/1.1\r\nhost: x\r\nx: ${'x'.repeat(20_000)}\r\n\r\n`],
    431,
  ],
  ['S18.13 with no host', () => ['GET /health/live HTTP/1.1\r\n\r\n'], 400],
  ['S18.14 by TRACE', () => ['TRACE /api/me HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n'], 405],
  ['S18.15 by a method that there is not', () => ['HACK /api/me HTTP/1.1\r\nhost: x\r\n\r\n'], 400],
  ['S18.16 of garbage', () => [Buffer.from([22, 3, 1, 2, 0, 1, 0, 1])], 400],
  [
    'S18.17 with a line folded into a header',
    () => ['GET /health/live HTTP/1.1\r\nhost: x\r\na: b\r\n c\r\nconnection: close\r\n\r\n'],
    400,
  ],
];

describe('a body', () => {
  it.each(bodies)('%s is refused, and others are served', async (_name, parts, status) => {
    const before = await place.state();
    const { text, closed } = await talk(...parts());
    await closed;
    expect(statusOf(text())).toBe(status);
    expect(text()).toMatch(/content-type: application\/problem\+json/i);
    expect(await isAlive()).toBe(true);
    expect(await place.state()).toEqual(before);
  });
});

describe('a request', () => {
  it.each(requests)('%s is refused, and others are served', async (_name, parts, status) => {
    const { text, closed } = await talk(...parts());
    await closed;
    expect(statusOf(text())).toBe(status);
    expect(await isAlive()).toBe(true);
  });

  it('S18.18 by CONNECT makes no tunnel', async () => {
    const { text, closed } = await talk(
      'CONNECT db.internal:5432 HTTP/1.1\r\nhost: db.internal:5432\r\n\r\n',
    );
    await closed;
    expect(text()).not.toMatch(/^HTTP\/1\.1 2/);
    expect(await isAlive()).toBe(true);
  });

  it('S18.19 after another in one packet is answered for itself: no proof is carried over', async () => {
    const first = `GET /api/me HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${admin.token}\r\n\r\n`;
    const { text, closed } = await talk(
      `${first}GET /api/me HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n`,
    );
    await closed;
    expect([...text().matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => status)).toEqual(['200', '401']);
  });
});

/** Limits of production are tens of seconds: here they are shortened where they are kept, on the server itself. */
describe('a slow client', () => {
  const slow: [string, string][] = [
    [
      'S18.20 whose body never ends',
      'POST /api/auth/login HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{"a',
    ],
    [
      'S18.21 whose chunks never end',
      'POST /api/auth/login HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{"\r\n',
    ],
    ['S18.22 whose headers never end', 'GET /health/live HTTP/1.1\r\nhost: x\r\nx: '],
  ];

  it('S18.23 has limits by default', () => {
    const { requestTimeout, headersTimeout, timeout, keepAliveTimeout } = place.app.server;
    for (const limit of [requestTimeout, headersTimeout, timeout, keepAliveTimeout])
      expect(limit).toBeGreaterThan(0);
    expect(requestTimeout).toBeLessThanOrEqual(15_000);
  });

  it.each(slow)('%s is sent away', async (_name, text) => {
    place.app.server.requestTimeout = 300;
    place.app.server.headersTimeout = 300;
    const client = await talk(text);
    await client.closed;
    expect(statusOf(client.text())).toBe(408);
    expect(await isAlive()).toBe(true);
  });

  it('S18.24 is one of 300 who hold a connection each, and others are served', async () => {
    await Promise.all(Array.from({ length: 300 }, () => talk('GET /health/live HTTP/1.1\r\nhost: x\r\n')));
    expect(await isAlive()).toBe(true);
    const { text, closed } = await talk('GET /health/live HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n');
    await closed;
    expect(statusOf(text())).toBe(200);
  });
});
