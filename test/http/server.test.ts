import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { afterEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { App } from '../../src/http/app.ts';
import { startServer } from '../../src/http/server.ts';
import { failOnLeaks } from '../support/leaks.ts';
import { createTestApp } from './test-app.ts';

failOnLeaks();

type Running = { port: number; stop: () => Promise<void>; app: App };
const running: Running[] = [];
const sockets: Socket[] = [];
let mayAnswer = Promise.resolve();
let muchDone = 0;

const routes: FastifyPluginAsyncZod = async (api) => {
  const config = { access: 'anyone' } as const;
  api.get('/fast', { config }, async () => ({ ok: true }));
  api.get('/slow', { config }, async () => {
    await mayAnswer;
    return { ok: true };
  });
  api.get('/much', { config: { ...config, inTurns: true } }, async () => {
    const begun = performance.now();
    while (performance.now() - begun < 10);
    muchDone += 1;
    return { ok: true };
  });
  const schema = { body: z.strictObject({ name: z.string() }) };
  api.post('/body', { config, schema }, async () => ({ ok: true }));
  api.get('/ip', { config }, async ({ ip, host }) => ({ ip, host }));
};

async function start(settings: { trustedProxies?: string[] } = {}): Promise<Running> {
  const { app } = await createTestApp([routes], { settings });
  const server = { ...(await startServer({ app, host: '127.0.0.1', port: 0 })), app };
  running.push(server);
  return server;
}

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await Promise.all(running.splice(0).map(({ stop }) => stop()));
});

/** Sends bytes as they are, and collects what comes back until the server closes. */
async function open(port: number, text: string) {
  const socket = connect(port, '127.0.0.1');
  sockets.push(socket);
  const received = { text: '', closed: once(socket, 'close') };
  socket.on('error', () => undefined);
  socket.on('data', (chunk) => {
    received.text += chunk;
  });
  await once(socket, 'connect');
  socket.write(text);
  return { socket, received };
}

const getOnce = (path: string) => `GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`;

const bodyOf = (text: string) => JSON.parse(text.slice(text.indexOf('\r\n\r\n') + 4));

describe('what is not HTTP', () => {
  it.each([
    ['garbage', 'garbage\r\n\r\n', 400, 'malformed_request'],
    [
      'a header of 20 kB',
      `GET /fast HTTP/1.1\r\nHost: x\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`,
      431,
      'headers_too_large',
    ],
    [
      'two lengths',
      'POST /body HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n',
      400,
      'malformed_request',
    ],
    [
      'a length beside chunks',
      'POST /body HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
      400,
      'malformed_request',
    ],
  ] as const)('is answered by a problem document: %s', async (...[, text, status, code]) => {
    const { port } = await start();
    const { received } = await open(port, text);
    await received.closed;
    expect(received.text).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
    expect(received.text).toMatch(/Content-Type: application\/problem\+json/i);
    expect(bodyOf(received.text)).toMatchObject({
      success: false,
      code,
      status,
      request_id: expect.any(String),
    });
  });
});

describe('a burst of requests that are much work', () => {
  it('keeps nobody waiting who connects after them', async () => {
    const { port } = await start();
    muchDone = 0;
    const many = 200;
    const burst = Array.from({ length: many }, () => open(port, getOnce('/much')));
    const other = await open(port, getOnce('/fast'));
    await other.received.closed;
    expect(other.received.text).toMatch(/^HTTP\/1.1 200 /);
    expect(muchDone).toBeLessThan(many / 4);
    const answers = await Promise.all(burst);
    await Promise.all(answers.map(({ received }) => received.closed));
    for (const { received } of answers) expect(received.text).toMatch(/^HTTP\/1.1 200 /);
    expect(muchDone).toBe(many);
  });
});

describe('a slow client', () => {
  it('loses its connection when its body does not arrive in time', async () => {
    const { port, app } = await start();
    app.server.requestTimeout = 200;
    app.server.headersTimeout = 200;
    const { received } = await open(
      port,
      'POST /body HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"na',
    );
    await received.closed;
    expect(received.text).toMatch(/^HTTP\/1.1 408 /);
    expect(bodyOf(received.text).code).toBe('request_timeout');
  });

  it('is limited by default, and an answer may still take longer than a request', async () => {
    const { app } = await start();
    const { server } = app;
    expect([server.requestTimeout, server.timeout, server.keepAliveTimeout]).toEqual([
      15_000, 65_000, 72_000,
    ]);
    server.requestTimeout = 100;
    mayAnswer = delay(400);
    const answer = await fetch(`http://127.0.0.1:${running[0]?.port}/slow`, {
      headers: { connection: 'close' },
    });
    expect(answer.status).toBe(200);
  });
});

describe('a crowd at the door', () => {
  it('is let in by the kernel while the process is busy: Node.js asks it to keep 511 only', async () => {
    const { port } = await start();
    const crowd = 700;
    expect(Number(await readFile('/proc/sys/net/core/somaxconn', 'utf8'))).toBeGreaterThan(crowd);
    // This process does nothing else until the other has ended, so that nobody is accepted meanwhile.
    const { stdout } = spawnSync(process.execPath, ['-e', crowdScript, String(port), String(crowd)]);
    expect(stdout.toString()).toBe(`${crowd} connected\n`);
  });
});

/** Connects at once, and says before a dropped one comes back after 1 s, how many are in. */
const crowdScript = `
  const [port, crowd] = process.argv.slice(1).map(Number);
  let connected = 0;
  const count = () => { connected += 1; };
  for (let i = 0; i < crowd; i += 1) require('node:net').connect(port, '127.0.0.1', count).on('error', () => {});
  const end = () => { console.log(connected + ' connected'); process.exit(); };
  setTimeout(end, 900);
`;

describe('the end of a process', () => {
  it('answers those who are let in, and closes idle connections', async () => {
    const server = await start();
    let answer: () => void = () => undefined;
    mayAnswer = new Promise((resolve) => {
      answer = resolve;
    });
    const idle = await open(server.port, 'GET /fast HTTP/1.1\r\nHost: x\r\n\r\n');
    await expect.poll(() => idle.received.text).toContain('{"ok":true}');
    const busy = await open(server.port, 'GET /slow HTTP/1.1\r\nHost: x\r\n\r\n');
    await delay(50);
    const stopped = server.stop();
    await idle.received.closed;
    answer();
    await Promise.all([stopped, busy.received.closed]);
    expect(busy.received.text).toMatch(/^HTTP\/1.1 200 /);
    expect(busy.received.text).toMatch(/connection: close/i);
  });
});

describe('a taken port', () => {
  it('is named with the variable that mends it', async () => {
    const { port } = await start();
    const { app } = await createTestApp([routes]);
    const second = startServer({ app, host: '127.0.0.1', port });
    await expect(second).rejects.toThrow(new RegExp(`Port ${port} .* PORT`));
  });
});

describe('X-Forwarded-For', () => {
  const ask = async (trustedProxies: string[]) => {
    const { port } = await start({ trustedProxies });
    const answer = await fetch(`http://127.0.0.1:${port}/ip`, {
      headers: { 'x-forwarded-for': '6.6.6.6, 9.9.9.9', connection: 'close' },
    });
    return ((await answer.json()) as { ip: string }).ip;
  };

  it('is not believed of anyone', async () => {
    expect(await ask([])).toBe('127.0.0.1');
    expect(await ask(['10.0.0.0/8'])).toBe('127.0.0.1');
  });

  it('is believed of trusted proxies, as far as they wrote it themselves', async () => {
    expect(await ask(['127.0.0.0/8'])).toBe('9.9.9.9');
  });
});
