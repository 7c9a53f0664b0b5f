import { once } from 'node:events';
import { connect } from 'node:net';
import { describe, expect, it, vi } from 'vitest';
import { findFreePort } from '../../src/embedded/free-port.ts';
import { failOnLeaks } from '../support/leaks.ts';
import { startProgram } from '../support/programs.ts';
import { createProvisioningBench } from '../support/provisioning-bench.ts';

failOnLeaks();

const body = JSON.stringify({ email: 'nobody@example.com', password: 'not the right one' });
const [begun, rest] = [body.slice(0, 10), body.slice(10)];

/** Its headers have arrived and half of its body, so that the process owes an answer. */
async function beginRequest(port: number) {
  const socket = connect(port, '127.0.0.1');
  await once(socket, 'connect');
  let received = '';
  socket.on('data', (chunk: Buffer) => {
    received += chunk.toString();
  });
  const closed = once(socket, 'close');
  const head = [
    'POST /api/auth/login HTTP/1.1',
    'Host: x',
    'Content-Type: application/json',
    `Content-Length: ${body.length}`,
  ];
  socket.write(`${head.join('\r\n')}\r\n\r\n${begun}`);
  return { finish: () => socket.write(rest), closed, received: () => received };
}

const readiness = async (port: number) => {
  const answer = await fetch(`http://127.0.0.1:${port}/health/ready`, { headers: { connection: 'close' } });
  return { status: answer.status, body: (await answer.json()) as { checks: object } };
};

describe('an api process that is asked to stop', () => {
  it('is not ready at once, answers who was there, says each phase with its time, and ends with 0', async () => {
    const bench = await createProvisioningBench({ role: 'api' });
    const [port, metricsPort] = [await findFreePort(), await findFreePort()];
    const api = startProgram('api', {
      ...bench.environment,
      LOG_LEVEL: 'info',
      PORT: String(port),
      METRICS_PORT: String(metricsPort),
    });
    await api.saw(/"msg":"Ready"/);
    expect((await readiness(metricsPort)).status).toBe(200);
    const request = await beginRequest(port);
    // Only when it was read is it one that is owed an answer.
    await vi.waitFor(async () => expect((await readiness(port)).status).toBe(200));
    const ended = api.kill('SIGTERM');
    await api.saw(/"msg":"Stopping"/);
    expect(await readiness(metricsPort)).toMatchObject({
      status: 503,
      body: { checks: { process: 'stopping' } },
    });
    await vi.waitFor(() => expect(fetch(`http://127.0.0.1:${port}/health/live`)).rejects.toThrow());
    request.finish();
    await request.closed;
    expect(request.received()).toMatch(/^HTTP\/1.1 401 /);
    expect(request.received()).toMatch(/\r\nconnection: close\r\n/i);
    await ended;
    expect(await api.exited).toBe(0);
    const lines = api
      .output()
      .split('\n')
      .filter((line) => line.startsWith('{'))
      .map((line) => JSON.parse(line));
    const phases = lines.filter(({ msg }) => msg === 'Stopped');
    expect(phases.map(({ phase }) => phase).slice(0, 1)).toEqual(['api']);
    expect(phases.map(({ phase }) => phase)).toEqual(
      expect.arrayContaining(['probes', 'messages', 'registry']),
    );
    expect(phases.every(({ took_ms: ms }) => Number.isInteger(ms))).toBe(true);
    expect(lines.at(-1)).toMatchObject({ msg: 'Everything has stopped', took_ms: expect.any(Number) });
    await bench.stop();
  });
});
