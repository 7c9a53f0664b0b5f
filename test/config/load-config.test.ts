import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadConfig } from '../../src/config/load-config.ts';
import { registryConnection } from '../../src/config/registry-connection.ts';

const strong = (seed: string) => `${seed}-Zk83hQmx71Lw0PvTy52RbNcEd94Gs`;
const registryUrl = 'postgresql://tm:pw@db.internal:5432/registry';
const development = { GLOBAL_DATABASE_URL: registryUrl, JWT_SECRET: strong('jwt') };
const production = {
  ...development,
  NODE_ENV: 'production',
  MASTER_ENCRYPTION_KEY: strong('master'),
  WORKER_SECRET_KEY: strong('worker'),
  SUPER_ADMIN_KEY: strong('admin'),
  POSTGRES_ADMIN_PASSWORD: strong('postgres'),
};

function problemsOf(
  environment: Record<string, string | undefined>,
  role: 'api' | 'worker' = 'worker',
): string {
  try {
    loadConfig(environment, role);
    return '';
  } catch (error) {
    return (error as Error).message;
  }
}

describe('a bad environment', () => {
  it('is refused with every problem at once, each with its variable and what would be right', () => {
    const report = problemsOf({
      ...development,
      JWT_SECRET: undefined,
      PORT: '99999',
      ENABLE_ASYNC_PROVISIONING: 'maybe',
      LEASE_TIMEOUT_MS: 'soon',
      PROVISIONING_WAIT_MS: '60s',
      GLOBAL_DATABASE_URL: 'mysql://x',
    });
    expect(report).toMatch(/has 6 problems/);
    for (const line of [
      /PORT is "99999"\. It must be a whole number from 1 to 65535/,
      /ENABLE_ASYNC_PROVISIONING is "maybe"\. It must be true or false/,
      /LEASE_TIMEOUT_MS is "soon"\. It must be a duration such as/,
      /PROVISIONING_WAIT_MS is 60000 ms\. Use at most 25000/,
      /GLOBAL_DATABASE_URL is \(not shown\)\. It must be a URL that begins with postgres/,
      /JWT_SECRET is missing\. Make one with: openssl rand/,
    ]) {
      expect(report).toMatch(line);
    }
  });

  it('is named by the alias that was used', () => {
    expect(problemsOf({ ...development, SERVER_PORT: 'http' })).toMatch(/SERVER_PORT is "http"/);
  });

  it('never shows a secret', () => {
    expect(problemsOf({ ...production, JWT_SECRET: 'hunter2' })).not.toContain('hunter2');
  });
});

describe('in production', () => {
  it('a complete environment is accepted without a notice', () => {
    expect(loadConfig(production, 'worker').notices).toEqual([]);
  });

  it.each([
    ['JWT_SECRET', 'short', /JWT_SECRET has 5 bytes and needs at least 32/],
    ['JWT_SECRET', 'your-super-secret-jwt-key-change-in-production', /JWT_SECRET looks like a sample value/],
    ['JWT_SECRET', 'abababababababababababababababababab', /JWT_SECRET repeats a few characters/],
    ['JWT_SECRET', undefined, /JWT_SECRET is missing/],
    ['MASTER_ENCRYPTION_KEY', undefined, /MASTER_ENCRYPTION_KEY is missing in production/],
    ['WORKER_SECRET_KEY', undefined, /WORKER_SECRET_KEY is missing in production/],
    ['SUPER_ADMIN_KEY', 'admin', /SUPER_ADMIN_KEY has 5 bytes/],
    ['GLOBAL_DATABASE_URL', undefined, /GLOBAL_DATABASE_URL is missing\. Set it/],
    ['POSTGRES_ADMIN_PASSWORD', undefined, /POSTGRES_ADMIN_PASSWORD is missing in production/],
  ])('%s = %s is refused', (variable, value, message) => {
    expect(problemsOf({ ...production, [variable]: value })).toMatch(message);
  });

  it('an api process needs none of the worker’s secrets', () => {
    const { WORKER_SECRET_KEY: _, POSTGRES_ADMIN_PASSWORD: __, ...api } = production;
    expect(problemsOf(api, 'api')).toBe('');
    expect(loadConfig(api, 'api').config.WORKER_SECRET_KEY).toBeUndefined();
  });
});

describe('in development', () => {
  it('weak and missing secrets are notices, and the missing ones are the same in every process', () => {
    const weak = { GLOBAL_DATABASE_URL: registryUrl, JWT_SECRET: 'dev' };
    const [api, worker] = [loadConfig(weak, 'worker'), loadConfig(weak, 'worker')];
    expect(api.notices.join('\n')).toMatch(/JWT_SECRET has 3 bytes[\s\S]*MASTER_ENCRYPTION_KEY is derived/);
    expect(api.config.MASTER_ENCRYPTION_KEY).toBe(worker.config.MASTER_ENCRYPTION_KEY);
    expect(api.config.MASTER_ENCRYPTION_KEY).not.toBe(api.config.WORKER_SECRET_KEY);
    expect(api.config.JWT_REFRESH_SECRET).not.toBe('dev');
  });
});

describe('where values come from', () => {
  it('a secret may lie in a file', async () => {
    const path = join(await mkdtemp(join(tmpdir(), 'tm-config-')), 'jwt');
    await writeFile(path, `${strong('filed')}\n`);
    const { config } = loadConfig({ GLOBAL_DATABASE_URL: registryUrl, JWT_SECRET_FILE: path }, 'api');
    expect(config.JWT_SECRET).toBe(strong('filed'));
    expect(problemsOf({ ...development, JWT_SECRET: undefined, JWT_SECRET_FILE: '/nowhere' })).toMatch(
      /JWT_SECRET_FILE cannot be read/,
    );
  });

  it('an empty variable counts as unset', () => {
    expect(loadConfig({ ...development, PORT: '' }, 'api').config.PORT).toBe(3001);
  });

  it('DATABASE_URL is the registry when nothing else is', () => {
    const { config } = loadConfig({ JWT_SECRET: strong('jwt'), DATABASE_URL: registryUrl }, 'api');
    expect(config.GLOBAL_DATABASE_URL).toBe(registryUrl);
  });

  it('DATABASE_URL beside TENANT_REGISTRY_DB_URL names the database server and the source', () => {
    const { config } = loadConfig(
      {
        JWT_SECRET_ACCESS_TOKEN: strong('jwt'),
        TENANT_REGISTRY_DB_URL: registryUrl,
        DATABASE_URL: 'postgresql://root:p%40ss@tenants.internal:6432/app',
        DB_POOL_MAX: '7',
      },
      'worker',
    );
    expect(config).toMatchObject({
      GLOBAL_DATABASE_URL: registryUrl,
      POSTGRES_HOST: 'tenants.internal',
      POSTGRES_PORT: 6432,
      POSTGRES_ADMIN_USER: 'root',
      POSTGRES_ADMIN_PASSWORD: 'p@ss',
      SOURCE_DATABASE_NAME: 'app',
      MAX_CONNECTIONS_PER_TENANT: 7,
    });
  });

  it('durations are understood with and without a unit', () => {
    const read = (JWT_EXPIRES_IN: string) =>
      loadConfig({ ...development, JWT_EXPIRES_IN }, 'api').config.JWT_EXPIRES_IN;
    expect([read('15m'), read('3600'), read('7d')]).toEqual([900_000, 3_600_000, 604_800_000]);
  });

  it('a variable that does nothing here gets a notice', () => {
    const { notices } = loadConfig(
      { ...development, EASYPANEL_TOKEN: 'x', ENABLE_MULTI_USER: 'true', SMTP_HOST: 'mail' },
      'api',
    );
    expect(notices.join('\n')).toMatch(
      /ENABLE_MULTI_USER is ignored[\s\S]*SMTP_HOST is ignored|SMTP_HOST is ignored[\s\S]*ENABLE_MULTI_USER/,
    );
  });
});

describe('a registry URL', () => {
  it('is taken apart with its limits, and never glued together again', () => {
    const url = 'postgresql://tm:p%3Fw@[::1]:5433/my%3Fdb?connection_limit=4&pool_timeout=3&sslmode=require';
    expect(registryConnection(url)).toEqual({
      host: '::1',
      port: 5433,
      user: 'tm',
      password: 'p?w',
      database: 'my?db',
      ssl: { rejectUnauthorized: false },
      poolMax: 4,
      poolTimeoutMs: 3_000,
    });
    expect(registryConnection(url, 9).poolMax).toBe(9);
  });
});
