import { createServer } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { createHttpAdminRequest } from '../../src/cli/http-admin-client.ts';
import { errors } from '../../src/errors/catalogue.ts';
import { failOnLeaks } from '../support/leaks.ts';
import { type AdminStandIn, type CannedAnswer, problem, startAdminStandIn } from './admin-stand-in.ts';
import { adminKey, runCli } from './run-cli.ts';

failOnLeaks();

let server: AdminStandIn | undefined;
afterEach(() => server?.stop());

async function answering(answer: CannedAnswer): Promise<string> {
  server = await startAdminStandIn(() => answer);
  return server.url;
}

/** A port on which nobody listens. */
async function closedPort(): Promise<number> {
  const holder = createServer();
  await new Promise<void>((resolve) => holder.listen(0, '127.0.0.1', resolve));
  const address = holder.address();
  await new Promise((resolve) => holder.close(resolve));
  return typeof address === 'object' && address !== null ? address.port : 0;
}

describe('an API that does not answer', () => {
  test('is told to be started', async () => {
    const port = await closedPort();
    const { exitCode, stdout, stderr } = await runCli(['list'], { api: `http://127.0.0.1:${port}` });
    expect([exitCode, stdout]).toEqual([1, '']);
    expect(stderr).toContain(`http://127.0.0.1:${port} does not answer: nothing listens there.`);
    expect(stderr).toContain('npm start');
  });

  test('is not found under an unknown name', async () => {
    const { exitCode, stderr } = await runCli(['list'], { api: 'https://no-such-host.invalid' });
    expect(exitCode).toBe(1);
    expect(stderr).toContain('Check TENANT_MANAGER_URL');
  });

  test('that cuts the connection is told as such', async () => {
    const { exitCode, stderr } = await runCli(['list'], { api: await answering({ cut: true }) });
    expect(exitCode).toBe(1);
    expect(stderr).toContain('does not answer');
  });
});

describe('an answer', () => {
  test.each([
    [401, 'invalid_admin_key', 'TENANT_MANAGER_ADMIN_KEY'],
    [503, 'admin_not_configured', 'SUPER_ADMIN_KEY'],
    [503, 'registry_not_migrated', 'npm run migrate:global'],
    [429, 'rate_limited', 'Try again shortly'],
    [500, 'internal_error', 'log of the server'],
  ])('%i %s says what to do: %s', async (status, code, hint) => {
    const { exitCode, stderr } = await runCli(['list'], { api: await answering(problem(status, code)) });
    expect(exitCode).toBe(1);
    expect(stderr).toContain(`error: Title of ${code}. Detail of ${code}.`);
    expect(stderr).toContain(`code ${code}, request id request-4711`);
    expect(stderr).toMatch(new RegExp(`^hint: .*${hint}`, 'm'));
  });

  test.each<[string, CannedAnswer]>([
    ['a page of a proxy', { status: 502, text: '<html>Bad Gateway</html>' }],
    ['a page of another program', { status: 200, text: '<html>Welcome</html>' }],
    ['JSON of another program', { status: 200, body: { hello: 'world' } }],
    ['data of another shape', { status: 200, body: { success: true, data: [{ slug: 1 }] } }],
    ['nothing', { status: 200, text: '' }],
  ])('that is %s is not taken for tenants', async (_what, answer) => {
    const { exitCode, stdout, stderr } = await runCli(['list'], { api: await answering(answer) });
    expect([exitCode, stdout]).toEqual([1, '']);
    expect(stderr).toContain('not one that tenant-manager gives');
  });

  test('with control characters in its text does nothing to the terminal', async () => {
    const url = await answering(problem(409, 'slug_taken', { detail: 'Bad \u001b[2J\u009b31mslug' }));
    const { stderr } = await runCli(['list'], { api: url, terminal: true, noColor: true });
    expect(stderr).toContain('Bad \\x1b[2J\\x9b31mslug');
    expect(stderr).not.toMatch(/[^\P{Cc}\n]/u);
  });
});

describe('the admin key', () => {
  test('is not sent to where a redirect leads', async () => {
    const elsewhere = await startAdminStandIn(() => ({ body: {} }));
    const url = await answering({ status: 307, text: '', headers: { location: `${elsewhere.url}/api` } });
    const { exitCode, stderr } = await runCli(['list'], { api: url });
    await elsewhere.stop();
    expect(exitCode).toBe(1);
    expect(elsewhere.arrived).toEqual([]);
    expect(stderr).toContain(`sends on to ${elsewhere.url}`);
    expect(stderr).not.toContain(adminKey);
  });

  test('is not sent unencrypted to another machine without a warning, once', async () => {
    const warnings: string[] = [];
    const request = createHttpAdminRequest({
      url: 'http://no-such-host.invalid',
      key: adminKey,
      warn: (text) => warnings.push(text),
    });
    for (let i = 0; i < 2; i += 1) {
      await expect(request({ method: 'GET', path: '/health' })).rejects.toThrow('does not answer');
    }
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toContain('unencrypted');
  });

  test.each(['', '   ', 'line\nbreak', 'sn☃wman'])('%j is refused', (key) => {
    expect(() => createHttpAdminRequest({ url: 'http://localhost', key, warn: () => undefined })).toThrow(
      'TENANT_MANAGER_ADMIN_KEY',
    );
  });

  test.each(['localhost:3001', 'ftp://localhost', 'https://user:pass-word@example.com'])(
    'goes to no such URL as %s, and the URL is not repeated',
    (url) => {
      const create = () => createHttpAdminRequest({ url, key: adminKey, warn: () => undefined });
      expect(create).toThrow('TENANT_MANAGER_URL');
      expect(create).not.toThrow('pass-word');
    },
  );

  test('goes under the path of the URL', async () => {
    server = await startAdminStandIn(() => ({ body: { success: true, data: [] } }));
    await runCli(['list'], { api: `${server.url}/tenants/` });
    expect(server.arrived[0]?.path).toBe('/tenants/api/admin/tenants');
  });
});

describe('within this process', () => {
  test('what the platform throws is told with its code', async () => {
    const { exitCode, stderr } = await runCli(['list'], {
      api: async () => {
        throw errors.configurationInvalid('The configuration has one problem:\n  PORT is "x".');
      },
    });
    expect(exitCode).toBe(1);
    expect(stderr).toContain(
      'error: Configuration invalid. The configuration has one problem:\n  PORT is "x".',
    );
    expect(stderr).toContain('configuration_invalid');
  });

  test('anything else that is thrown ends with 1 and its message', async () => {
    const { exitCode, stderr } = await runCli(['list'], {
      api: async () => {
        throw new Error('out of luck');
      },
    });
    expect(exitCode).toBe(1);
    expect(stderr).toContain('out of luck');
  });
});
