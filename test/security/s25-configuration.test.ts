import { readFile } from 'node:fs/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { settings } from '../../src/config/config.ts';
import { loadConfig } from '../../src/config/load-config.ts';
import type { App } from '../../src/http/app.ts';
import { createTestApp, inject } from '../http/test-app.ts';

const strong = (seed: string) => `${seed}-Zk83hQmx71Lw0PvTy52RbNcEd94Gs`;
const production: Record<string, string> = {
  NODE_ENV: 'production',
  GLOBAL_DATABASE_URL: 'postgresql://tm:pw@db.internal:5432/registry',
  JWT_SECRET: strong('jwt'),
  MASTER_ENCRYPTION_KEY: strong('master'),
  WORKER_SECRET_KEY: strong('worker'),
  SUPER_ADMIN_KEY: strong('admin'),
  POSTGRES_ADMIN_PASSWORD: strong('postgres'),
};

function problemsOf(
  over: Record<string, string | undefined>,
  role: 'api' | 'worker' | 'all' = 'worker',
): string {
  try {
    loadConfig({ ...production, ...over }, role);
    return '';
  } catch (error) {
    return (error as Error).message;
  }
}

type Case = [string, Record<string, string | undefined>, RegExp];
const refused: Case[] = [
  ['S25.01 a short JWT secret', { JWT_SECRET: 'abc' }, /JWT_SECRET has 3 bytes/],
  [
    'S25.02 a JWT secret of one letter',
    { JWT_SECRET: 'a'.repeat(64) },
    /JWT_SECRET repeats a few characters/,
  ],
  [
    'S25.03 the JWT secret of a guide',
    { JWT_SECRET: 'your-256-bit-secret-goes-here-please-1234567890' },
    /JWT_SECRET looks like a sample/,
  ],
  ['S25.04 no JWT secret', { JWT_SECRET: undefined }, /JWT_SECRET is missing/],
  ['S25.05 a short refresh secret', { JWT_REFRESH_SECRET: 'abc' }, /JWT_REFRESH_SECRET has 3 bytes/],
  [
    'S25.06 no master key',
    { MASTER_ENCRYPTION_KEY: undefined },
    /MASTER_ENCRYPTION_KEY is missing in production/,
  ],
  [
    'S25.07 a weak master key',
    { MASTER_ENCRYPTION_KEY: 'changeme-changeme-changeme-changeme' },
    /MASTER_ENCRYPTION_KEY looks like a sample/,
  ],
  [
    'S25.08 no key of workers',
    { WORKER_SECRET_KEY: undefined },
    /WORKER_SECRET_KEY is missing in production/,
  ],
  ['S25.09 a weak key of workers', { WORKER_SECRET_KEY: 'short' }, /WORKER_SECRET_KEY has 5 bytes/],
  ['S25.10 a weak admin key', { SUPER_ADMIN_KEY: 'admin' }, /SUPER_ADMIN_KEY has 5 bytes/],
  [
    'S25.11 no password of the server',
    { POSTGRES_ADMIN_PASSWORD: undefined },
    /POSTGRES_ADMIN_PASSWORD is missing/,
  ],
  ['S25.12 no registry', { GLOBAL_DATABASE_URL: undefined }, /GLOBAL_DATABASE_URL is missing/],
  [
    'S25.13 one secret for requests and for workers',
    { WORKER_SECRET_KEY: strong('master') },
    /WORKER_SECRET_KEY is the same as MASTER_ENCRYPTION_KEY/,
  ],
  [
    'S25.14 one secret for tokens and for sealing',
    { MASTER_ENCRYPTION_KEY: strong('jwt') },
    /MASTER_ENCRYPTION_KEY is the same as JWT_SECRET/,
  ],
  [
    'S25.15 one secret for both kinds of tokens',
    { JWT_REFRESH_SECRET: strong('jwt') },
    /JWT_REFRESH_SECRET is the same as JWT_SECRET/,
  ],
  [
    'S25.16 an admin key that is the JWT secret',
    { SUPER_ADMIN_KEY: strong('jwt') },
    /SUPER_ADMIN_KEY is the same as JWT_SECRET/,
  ],
  ['S25.17 a proxy that is no network', { TRUSTED_PROXIES: 'true' }, /TRUSTED_PROXIES/],
  ['S25.18 an origin with a wildcard in it', { ALLOWED_ORIGINS: 'https://*.example.com' }, /ALLOWED_ORIGINS/],
  ['S25.19 an origin with a path', { ALLOWED_ORIGINS: 'https://app.example.com/x' }, /ALLOWED_ORIGINS/],
  ['S25.20 a prefix that needs quoting', { TENANT_DB_PREFIX: 'x"; DROP' }, /TENANT_DB_PREFIX/],
  [
    'S25.21 a registry by another protocol',
    { GLOBAL_DATABASE_URL: 'http://evil.example/' },
    /GLOBAL_DATABASE_URL/,
  ],
  ['S25.22 a mode of TLS that there is not', { POSTGRES_SSL: 'allow' }, /POSTGRES_SSL/],
  ['S25.23 a password of one letter allowed', { PASSWORD_MIN_LENGTH: '1' }, /PASSWORD_MIN_LENGTH/],
];

describe('in production', () => {
  it.each(refused)('%s stops the start, and no secret is repeated', (_name, over, message) => {
    const problems = problemsOf(over);
    expect(problems).toMatch(message);
    for (const [name, value] of Object.entries({ ...production, ...over })) {
      const isSecret = 'secret' in settings[name as keyof typeof settings];
      if (isSecret && value !== undefined && value.length > 5) expect(problems).not.toContain(value);
    }
  });

  it('S25.24 the embedded server is not started unless that is said', () => {
    expect(problemsOf({ GLOBAL_DATABASE_URL: undefined }, 'all')).toMatch(/EMBEDDED_IN_PRODUCTION/);
  });

  it('S25.25 nothing is stopped where all is well, and no origin may call unless it is named', () => {
    expect(problemsOf({})).toBe('');
    const { config } = loadConfig(production, 'api');
    expect([
      config.ALLOWED_ORIGINS,
      config.TRUSTED_PROXIES,
      config.LOGIN_RETURNS_DATABASE_CREDENTIALS,
    ]).toEqual([[], [], false]);
  });

  it('S25.26 an api process is given no key of the workers', () => {
    const { WORKER_SECRET_KEY: _worker, POSTGRES_ADMIN_PASSWORD: _postgres, ...api } = production;
    expect(loadConfig(api, 'api').config.WORKER_SECRET_KEY).toBeUndefined();
  });
});

let app: App | undefined;
afterEach(async () => {
  await app?.close();
  app = undefined;
});

describe('a browser', () => {
  it.each([
    ['S25.27 of any origin, where any may', ['*'], 'https://evil.example', '*', undefined],
    [
      'S25.28 of a named origin',
      ['https://app.example'],
      'https://app.example',
      'https://app.example',
      'true',
    ],
    ['S25.29 of another origin', ['https://app.example'], 'https://evil.example', undefined, undefined],
    [
      'S25.30 of an origin that only ends alike',
      ['https://app.example'],
      'https://evilapp.example',
      undefined,
      undefined,
    ],
    [
      'S25.31 of an origin that only begins alike',
      ['https://app.example'],
      'https://app.example.evil.com',
      undefined,
      undefined,
    ],
    ['S25.32 of the origin null', ['https://app.example'], 'null', undefined, undefined],
  ])(
    '%s never gets credentials together with *',
    async (...[, allowedOrigins, origin, allowed, credentials]) => {
      const made = await createTestApp([], { settings: { allowedOrigins } });
      app = made.app;
      const { headers } = await inject(app, { url: '/openapi.json', headers: { origin } });
      const told = headers['access-control-allow-origin'];
      expect(told).toBe(allowed);
      if (told !== undefined) expect(headers['access-control-allow-credentials']).toBe(credentials);
    },
  );
});

it('S25.33 what is built has no source maps, and the ignore file keeps secrets out of the repository', async () => {
  const { compilerOptions } = JSON.parse(await readFile('tsconfig.json', 'utf8'));
  expect(compilerOptions.sourceMap ?? false).toBe(false);
  const ignored = await readFile('.gitignore', 'utf8');
  for (const name of ['.env', 'data'])
    expect(ignored).toMatch(new RegExp(`^/?${name.replace('.', '\\.')}/?$`, 'm'));
});
