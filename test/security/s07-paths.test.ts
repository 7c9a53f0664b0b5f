import { once } from 'node:events';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openSecurityPlace, type SecurityPlace } from './security-place.ts';

let place: SecurityPlace;
let port: number;

beforeAll(async () => {
  place = await openSecurityPlace();
  const url: string = await place.app.listen({ port: 0, host: '127.0.0.1' });
  port = Number(new URL(url).port);
});
afterAll(() => place.stop());

/** As it is, since clients clean such addresses before they send them. */
async function ask(target: string, headers = ''): Promise<{ status: number; text: string }> {
  const socket = connect(port, '127.0.0.1');
  let text = '';
  socket.on('data', (chunk) => {
    text += chunk;
  });
  await once(socket, 'connect');
  socket.write(`GET ${target} HTTP/1.1\r\nHost: x\r\n${headers}Connection: close\r\n\r\n`);
  await once(socket, 'close');
  return { status: Number(/^HTTP\/1\.1 (\d+)/.exec(text)?.[1]), text };
}

const targets: [string, string][] = [
  ['S7.01 steps up', '/docs/static/../../../../../../etc/passwd'],
  ['S7.02 encoded slashes', '/docs/static/..%2f..%2f..%2f..%2f..%2fetc%2fpasswd'],
  ['S7.03 encoded dots', '/docs/static/%2e%2e/%2e%2e/%2e%2e/%2e%2e/etc/passwd'],
  ['S7.04 twice encoded', '/docs/static/%252e%252e%252f%252e%252e%252fetc%252fpasswd'],
  ['S7.05 back slashes', '/docs/static/..\\..\\..\\..\\etc\\passwd'],
  ['S7.06 encoded back slashes', '/docs/static/..%5c..%5c..%5c..%5cetc%5cpasswd'],
  ['S7.07 an absolute path', '/docs/static//etc/passwd'],
  ['S7.08 a path of Windows', '/docs/static/C:%5cWindows%5cwin.ini'],
  ['S7.09 a NUL', '/docs/static/index.html%00../../../package.json'],
  ['S7.10 file://', '/docs/static/file:%2f%2f%2fetc%2fpasswd'],
  ['S7.11 over-long UTF-8', '/docs/static/%c0%ae%c0%ae/%c0%ae%c0%ae/etc/passwd'],
  ['S7.12 a hidden file', '/docs/static/.env'],
  ['S7.13 the repository', '/.git/config'],
  ['S7.14 the environment', '/.env'],
  ['S7.15 the manifest', '/package.json'],
  ['S7.16 the made secrets', '/data/secrets.json'],
  ['S7.17 the source map of the program', '/dist/src/main/api.js.map'],
  ['S7.18 steps up behind an open route', '/health/../api/admin/stats'],
  ['S7.19 encoded steps up behind an open route', '/health/%2e%2e/api/admin/stats'],
  ['S7.20 two slashes before a guarded route', '//api/admin/stats'],
  ['S7.21 a guarded route in capitals', '/API/ADMIN/STATS'],
  ['S7.22 a guarded route with a semicolon', '/api/admin/stats;/health'],
  ['S7.23 an absolute address of another host', 'http://evil.example/api/admin/stats'],
];

describe('an address that leads elsewhere', () => {
  it.each(targets)('%s gives no file and opens no route', async (_name, target) => {
    const { status, text } = await ask(target);
    expect([400, 401, 403, 404]).toContain(status);
    expect(text).not.toMatch(/root:|\[core\]|"dependencies"|by_status|JWT_SECRET/);
  });

  it('S7.24 no header makes one address into another', async () => {
    for (const name of ['X-Original-URL', 'X-Rewrite-URL', 'X-Forwarded-Prefix', 'X-HTTP-Method-Override']) {
      const { status, text } = await ask('/health/live', `${name}: /api/admin/stats\r\n`);
      expect([status, text.includes('"live"')], name).toEqual([200, true]);
    }
  });
});
