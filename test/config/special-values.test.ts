import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadConfig, namesRegistry } from '../../src/config/load-config.ts';
import { registryConnection } from '../../src/config/registry-connection.ts';

const url = 'postgresql://tm:pw@db.internal:5432/registry';
const base = { GLOBAL_DATABASE_URL: url, JWT_SECRET: 'jwt-Zk83hQmx71Lw0PvTy52RbNcEd94Gs' };
type Variables = Record<string, string | undefined>;

const load = (variables: Variables) => loadConfig({ ...base, ...variables }, 'worker');

function problemsOf(variables: Variables): string {
  try {
    load(variables);
    return '';
  } catch (error) {
    return (error as Error).message;
  }
}

describe('a database URL', () => {
  it.each(['sslmode=requre', 'sslmode=prefer', 'sslmode=allow', 'sslmode=verify_full', 'sslmode='])(
    'with %s is refused',
    (parameter) => {
      expect(problemsOf({ GLOBAL_DATABASE_URL: `${url}?${parameter}` })).toMatch(
        /GLOBAL_DATABASE_URL is \(not shown\)\. It must have sslmode disable, require, no-verify, verify-ca or verify-full/,
      );
    },
  );

  it.each([
    ['', false],
    ['?sslmode=disable', false],
    ['?sslmode=no-verify', { rejectUnauthorized: false }],
    ['?sslmode=require', { rejectUnauthorized: false }],
    ['?sslmode=verify-ca', { rejectUnauthorized: true, checkServerIdentity: expect.any(Function) }],
    ['?sslmode=verify-full', { rejectUnauthorized: true }],
    ['?sslmode=verify-full&sslrootcert=system', { rejectUnauthorized: true }],
  ])('with "%s" is connected to as it says', (parameters, ssl) => {
    expect(problemsOf({ GLOBAL_DATABASE_URL: `${url}${parameters}` })).toBe('');
    expect(registryConnection(`${url}${parameters}`).ssl).toEqual(ssl);
  });

  it('may name the file of its authority, which is then asked', async () => {
    const path = join(await mkdtemp(join(tmpdir(), 'tm-config-')), 'root.pem');
    await writeFile(path, 'a certificate');
    const read = (mode: string) => registryConnection(`${url}?sslmode=${mode}&sslrootcert=${path}`).ssl;
    expect(read('verify-full')).toEqual({ rejectUnauthorized: true, ca: 'a certificate' });
    expect(read('require')).toMatchObject({ rejectUnauthorized: true, ca: 'a certificate' });
    expect(read('no-verify')).toEqual({ rejectUnauthorized: false });
    expect(
      problemsOf({ GLOBAL_DATABASE_URL: `${url}?sslmode=verify-full&sslrootcert=/nowhere.pem` }),
    ).toMatch(/It must have an sslrootcert that this process may read \(\/nowhere\.pem: ENOENT\)/);
  });

  it.each([
    ['password', 'postgresql://tm:100%sure@db/registry'],
    ['user', 'postgresql://t%m:pw@db/registry'],
    ['database', 'postgresql://tm:pw@db/re%gistry'],
  ])('with a bare %% in its %s is refused by the name of its variable, and not shown', (part, text) => {
    for (const variable of ['GLOBAL_DATABASE_URL', 'GLOBAL_DATABASE_MIGRATION_URL']) {
      const report = problemsOf({ [variable]: text });
      expect(report).toContain(`${variable} is (not shown). It must have a % in its ${part} written as %25.`);
      expect(report).not.toContain('sure');
    }
  });

  it.each([
    ['postgresql:///registry', 'must name a host'],
    [`${url}?connection_limit=many`, 'must have a whole number as connection_limit'],
    [`${url}?pool_timeout=-1`, 'must have a whole number as pool_timeout'],
  ])('%s is refused', (text, message) => {
    expect(problemsOf({ GLOBAL_DATABASE_URL: text })).toContain(message);
  });

  it.each([{ GLOBAL_DATABASE_URL: `${url}?connection_limit=1` }, { REGISTRY_DB_POOL_MAX: '2' }])(
    'with too few connections gets three, and a notice: %j',
    (variables) => {
      const { config, notices } = load(variables);
      expect(registryConnection(config.GLOBAL_DATABASE_URL, config.REGISTRY_DB_POOL_MAX).poolMax).toBe(3);
      expect(notices.join('\n')).toMatch(/is [12]; 3 connections are used/);
      expect(load({}).notices.join('\n')).not.toMatch(/connections are used/);
    },
  );

  it('in a file that cannot be read still means that a registry was named', () => {
    expect(namesRegistry({ GLOBAL_DATABASE_URL_FILE: '/nowhere' })).toBe(true);
  });
});

describe('DATABASE_URL beside TENANT_REGISTRY_DB_URL', () => {
  const split = (text: string): Variables => ({
    GLOBAL_DATABASE_URL: undefined,
    TENANT_REGISTRY_DB_URL: url,
    DATABASE_URL: text,
  });

  it.each([
    ['postgresql://root:100%sure@db/app', 'must have a % in its password written as %25'],
    ['postgresql://root:pw@db/app?sslmode=prefer', 'must have sslmode disable, require'],
    ['nonsense', 'must be a URL that begins with postgres'],
  ])('is refused by its name: %s', (text, message) => {
    const report = problemsOf({ ...split(text), PORT: 'http' });
    expect(report).toContain(`DATABASE_URL is (not shown). It ${message}`);
    expect(report).toMatch(/2 problems[\s\S]*PORT is "http"/);
  });

  it('keeps its TLS for the database server', () => {
    const { config } = load(split('postgresql://root:pw@[::1]/app?sslmode=require'));
    expect(config).toMatchObject({ POSTGRES_HOST: '::1', POSTGRES_PORT: 5432, POSTGRES_SSL: 'require' });
  });
});

describe('TEMPLATE_REFRESH_SCHEDULE', () => {
  it.each(['every five minutes', '61 * * * *', '* * *', '0 0 30 2 *'])('refuses "%s"', (text) => {
    expect(problemsOf({ TEMPLATE_REFRESH_SCHEDULE: text })).toContain(
      `TEMPLATE_REFRESH_SCHEDULE is "${text}". It must be a cron expression such as */5 * * * *`,
    );
  });

  it.each(['*/5 * * * *', '*/10 * * * * *', '@hourly', '0 3 * * MON'])('takes "%s"', (text) => {
    expect(load({ TEMPLATE_REFRESH_SCHEDULE: text }).config.TEMPLATE_REFRESH_SCHEDULE).toBe(text);
  });
});

describe('TENANT_DB_PREFIX', () => {
  it.each(['Tenant_', '1_', 'tenant-', 'tenant"; --', 'é_', 'a'.repeat(41)])('refuses "%s"', (text) => {
    expect(problemsOf({ TENANT_DB_PREFIX: text })).toMatch(
      /TENANT_DB_PREFIX is .*It must consist of a-z, 0-9/,
    );
  });

  it.each(['t_', '_t1_', 'a'.repeat(40)])('takes "%s"', (text) => {
    expect(load({ TENANT_DB_PREFIX: text }).config.TENANT_DB_PREFIX).toBe(text);
  });
});

describe('TRUSTED_PROXIES', () => {
  it.each(['10.0.0.0/33', '10.0.0', 'proxy.internal', '::1/129', '10.0.0.1/8/8', 'true'])(
    'refuses %s',
    (text) => {
      expect(problemsOf({ TRUSTED_PROXIES: `10.0.0.1,${text}` })).toContain(`which ${text} is not`);
    },
  );

  it('takes addresses, networks and the names of networks', () => {
    const { config } = load({ TRUSTED_PROXIES: '10.0.0.1, 10.0.0.0/8,fd00::/8,::1,loopback' });
    expect(config.TRUSTED_PROXIES).toEqual(['10.0.0.1', '10.0.0.0/8', 'fd00::/8', '::1', 'loopback']);
  });
});

describe('ALLOWED_ORIGINS', () => {
  it.each([
    'app.example.com',
    'https://*.example.com',
    'https://app.example.com/login',
    'https://a@b.c',
    'null',
  ])('refuses %s', (text) => {
    expect(problemsOf({ ALLOWED_ORIGINS: `https://ok.example,${text}` })).toContain(`which ${text} is not`);
  });

  it('takes origins as browsers write them, and *', () => {
    const read = (text: string) => load({ ALLOWED_ORIGINS: text }).config.ALLOWED_ORIGINS;
    expect(read('https://App.example.com:443/, http://localhost:3000,capacitor://localhost')).toEqual([
      'https://app.example.com',
      'http://localhost:3000',
      'capacitor://localhost',
    ]);
    expect(read('*')).toEqual(['*']);
  });
});

it('PUBLIC_URL ends without a slash', () => {
  const read = (PUBLIC_URL: string) => load({ PUBLIC_URL }).config.PUBLIC_URL;
  expect(read('https://tenants.example.com/')).toBe('https://tenants.example.com');
  expect(read('https://example.com/tenants//')).toBe('https://example.com/tenants');
});

it('every problem of these is reported at once', () => {
  const report = problemsOf({
    GLOBAL_DATABASE_URL: `${url}?sslmode=yes`,
    TEMPLATE_REFRESH_SCHEDULE: 'often',
    TENANT_DB_PREFIX: 'A',
    TRUSTED_PROXIES: 'all',
    ALLOWED_ORIGINS: 'all',
    PORT: 'http',
  });
  expect(report).toMatch(/has 6 problems/);
});
