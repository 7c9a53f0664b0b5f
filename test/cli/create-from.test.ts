import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, test } from 'vitest';
import type { AdminRequest } from '../../src/cli/admin-request.ts';
import {
  type AdminStandIn,
  type Arrived,
  type CannedAnswer,
  startAdminStandIn,
  success,
} from './admin-stand-in.ts';
import { runCli } from './run-cli.ts';

const folder = mkdtempSync(join(tmpdir(), 'tenant-cli-'));
afterAll(() => rmSync(folder, { recursive: true }));

let api: AdminStandIn | undefined;
afterEach(async () => {
  await api?.stop();
  api = undefined;
});

async function run(args: readonly string[], answer: (call: Arrived) => CannedAnswer, more = {}) {
  api = await startAdminStandIn(answer);
  const ended = await runCli(args, { api: api.url, ...more });
  return { ...ended, arrived: api.arrived };
}

const tenantsIn = (call: Arrived | undefined) =>
  (call?.body as { tenants: unknown[] } | undefined)?.tenants ?? [];

const unreached: AdminRequest = async () => {
  throw new Error('The API was asked.');
};

const file = (name: string, text: string) => {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
};

describe('create --from', () => {
  const outcomes = ({ body }: Arrived) => {
    const { tenants } = body as { tenants: Record<string, string>[] };
    const results = tenants.map(({ organization_name: name }, index) =>
      name === 'Bad'
        ? {
            index,
            outcome: 'refused',
            error: {
              code: 'invalid_request',
              message: 'x',
              errors: [{ path: 'plan', message: 'must be one of free' }],
            },
          }
        : {
            index,
            outcome: 'accepted',
            tenant_id: 't',
            slug: String(name).toLowerCase(),
            provisioning_id: 'p',
          },
    );
    return success({ accepted: 0, refused: 0, results });
  };

  test('reads CSV with quotes, commas and line ends, and goes on after a refusal', async () => {
    const path = file(
      'some.csv',
      '\ufeffname,email,password,plan\r\n"Acme, ""Inc""",a@b.example,Secret-1,\r\nBad,b@b.example,Secret-2,nope\r\n"Two\nlines",c@b.example,Secret-3,free\r\n',
    );
    const { exitCode, stderr, arrived } = await run(['create', '--from', path], outcomes);
    expect(exitCode).toBe(3);
    expect(tenantsIn(arrived[0])).toEqual([
      { organization_name: 'Acme, "Inc"', admin_email: 'a@b.example', admin_password: 'Secret-1' },
      { organization_name: 'Bad', admin_email: 'b@b.example', admin_password: 'Secret-2', plan: 'nope' },
      {
        organization_name: 'Two\nlines',
        admin_email: 'c@b.example',
        admin_password: 'Secret-3',
        plan: 'free',
      },
    ]);
    expect(stderr).toContain('✗ line 3: --plan: must be one of free\n');
    expect(stderr).toContain('2 tenants are accepted');
    expect(stderr).not.toContain('Secret');
  });

  test('reads a JSON object a line, with one password for all, in parts under keys of their own', async () => {
    const lines = Array.from({ length: 60 }, (_, at) =>
      JSON.stringify({ name: `T${at}`, email: `${at}@b.example` }),
    );
    const path = file('many.ndjson', `${lines.join('\n')}\n\n`);
    const args = ['create', '--from', path, '--password-stdin', '--idempotency-key', 'night', '--json'];
    const { exitCode, stdout, arrived } = await run(args, outcomes, { stdin: 'For-all-1' });
    expect(exitCode).toBe(0);
    expect(JSON.parse(stdout)).toHaveLength(60);
    expect(arrived.map(({ headers }) => headers['idempotency-key'])).toEqual([
      'night-0',
      'night-25',
      'night-50',
    ]);
    expect(tenantsIn(arrived[2]).at(-1)).toEqual({
      organization_name: 'T59',
      admin_email: '59@b.example',
      admin_password: 'For-all-1',
    });
  });

  test('asks again under the same key when an answer was lost', async () => {
    const path = file('lost.csv', 'name,email,password\nA,a@b.example,x\n');
    let calls = 0;
    const { exitCode, arrived } = await run(['create', '--from', path], (call) => {
      calls += 1;
      return calls === 1 ? { cut: true } : outcomes(call);
    });
    expect([exitCode, arrived.length]).toEqual([0, 2]);
    expect(arrived[0]?.headers['idempotency-key']).toBe(arrived[1]?.headers['idempotency-key']);
  });

  test('ends with 1 when every line was refused', async () => {
    const path = file('bad.csv', 'name,email,password\nBad,a@b.example,x\n');
    expect((await run(['create', '--from', path], outcomes)).exitCode).toBe(1);
  });

  test.each([
    ['a missing file', join(folder, 'nowhere.csv'), 'cannot be read'],
    ['an empty file', file('empty.csv', ''), 'no tenants'],
    ['a line with too few columns', file('few.csv', 'name,email\nA\n'), 'Line 2 has 1 columns'],
    ['a line that is no object', file('odd.ndjson', '{"name":"A"}\n[1]\n'), 'Line 2 is not one JSON object'],
    ['a stray quote', file('quote.csv', 'name,email\n"A"b,c\n'), 'Line 2 has a quote'],
  ])('%s is wrong usage', async (_what, path, said) => {
    const { exitCode, stderr } = await runCli(['create', '--from', path], { api: unreached });
    expect([exitCode, stderr]).toEqual([2, expect.stringContaining(said)]);
  });

  test('does not go with the options of a single tenant', async () => {
    const { exitCode } = await runCli(['create', '--from', 'x.csv', '--name', 'A'], { api: unreached });
    expect(exitCode).toBe(2);
  });
});
