import { hkdfSync } from 'node:crypto';
import type { SettingValues } from './config.ts';
import { readPostgresUrl } from './postgres-url.ts';
import { leastPoolMax } from './registry-connection.ts';
import { weakness } from './secret-strength.ts';
import { readSeedScript, type SeedScript } from './seed-script.ts';

/** What a process is for; a worker needs secrets that an api process must not have. */
export type ProcessRole = 'api' | 'worker' | 'all' | 'cli';

export type ConfigProblem = { variable: string; wrong: string; right: string };

type Draft = { values: SettingValues; role: ProcessRole; problems: ConfigProblem[]; notices: string[] };

const howToMakeSecret = 'Make one with: openssl rand -hex 32';
const longestWaitMs = 25_000;

/** Fills in what follows from other settings, and checks what concerns several of them. */
export function resolveSettings(draft: Draft) {
  const { values } = draft;
  const isProduction = values.NODE_ENV === 'production';
  checkEmbedded(draft, isProduction);
  checkServer(draft, isProduction);
  checkWait(draft);
  notePoolSize(draft);
  const secrets = resolveSecrets(draft, isProduction);
  const seed = resolveSeed(draft);
  return {
    ...values,
    ...secrets,
    GLOBAL_DATABASE_URL: values.GLOBAL_DATABASE_URL ?? '',
    GLOBAL_DATABASE_MIGRATION_URL: values.GLOBAL_DATABASE_MIGRATION_URL ?? values.GLOBAL_DATABASE_URL ?? '',
    MIGRATE_ON_START: values.MIGRATE_ON_START ?? !isProduction,
    POSTGRES_HOST: values.POSTGRES_HOST ?? 'localhost',
    POSTGRES_PORT: values.POSTGRES_PORT ?? 5432,
    POSTGRES_ADMIN_USER: values.POSTGRES_ADMIN_USER ?? 'postgres',
    POSTGRES_SSL: tlsMode(values.POSTGRES_SSL),
    SOURCE_DATABASE_NAME: values.SOURCE_DATABASE_NAME ?? 'twenty',
    CACHE_REDIS_URL: values.CACHE_REDIS_URL ?? values.REDIS_URL,
    PUBLIC_URL: values.PUBLIC_URL ?? 'http://localhost:3001',
    ALLOWED_ORIGINS: values.ALLOWED_ORIGINS ?? (isProduction ? [] : ['*']),
    isProduction,
    /** What TENANT_SEED_SQL says, where databases are made. */
    seed,
  };
}

function resolveSeed({ values, role, problems }: Draft): SeedScript | undefined {
  const { TENANT_SEED_SQL: path } = values;
  if (path === undefined || !worksOnDatabases(role, values)) return undefined;
  const read = readSeedScript(path);
  if ('script' in read) return read.script;
  problems.push({
    variable: 'TENANT_SEED_SQL',
    wrong: `names ${path}, in which there is something wrong: ${read.problems.join('; ')}`,
    right: 'Mend the file, or name another.',
  });
  return undefined;
}

/** Whether a process makes databases itself, and needs the logins and keys for it. */
export function worksOnDatabases(
  role: ProcessRole,
  values: Pick<SettingValues, 'ENABLE_ASYNC_PROVISIONING'>,
): boolean {
  return role === 'worker' || role === 'all' || (role === 'api' && !values.ENABLE_ASYNC_PROVISIONING);
}

function checkEmbedded({ values, role, problems }: Draft, isProduction: boolean): void {
  const isSaid = problems.some(({ variable }) => variable === 'GLOBAL_DATABASE_URL');
  if (values.GLOBAL_DATABASE_URL !== undefined || isSaid) return;
  if (role === 'api' || role === 'worker') {
    const right = 'Set it to the registry database. The embedded one comes with npm start only.';
    problems.push({ variable: 'GLOBAL_DATABASE_URL', wrong: 'is missing', right });
    return;
  }
  if (isProduction && !values.EMBEDDED_IN_PRODUCTION) {
    problems.push({
      variable: 'GLOBAL_DATABASE_URL',
      wrong: 'is missing in production',
      right:
        'Set it to the registry database, or EMBEDDED_IN_PRODUCTION=true to use the embedded PostgreSQL.',
    });
  }
}

function checkServer({ values, role, problems }: Draft, isProduction: boolean): void {
  if (!isProduction || !worksOnDatabases(role, values) || values.POSTGRES_ADMIN_PASSWORD !== undefined)
    return;
  if (values.GLOBAL_DATABASE_URL === undefined) return;
  problems.push({
    variable: 'POSTGRES_ADMIN_PASSWORD',
    wrong: 'is missing in production',
    right: 'Set it to the password of POSTGRES_ADMIN_USER on the database server.',
  });
}

function checkWait({ values, problems }: Draft): void {
  if (values.PROVISIONING_WAIT_MS <= longestWaitMs) return;
  problems.push({
    variable: 'PROVISIONING_WAIT_MS',
    wrong: `is ${values.PROVISIONING_WAIT_MS} ms`,
    right: `Use at most ${longestWaitMs}: proxies end longer requests.`,
  });
}

function notePoolSize({ values, notices }: Draft): void {
  const { GLOBAL_DATABASE_URL: url, REGISTRY_DB_POOL_MAX: poolMax } = values;
  const asked = poolMax ?? (url === undefined ? undefined : readPostgresUrl(url).connectionLimit);
  if (asked === undefined || asked >= leastPoolMax) return;
  const name = poolMax === undefined ? 'connection_limit in GLOBAL_DATABASE_URL' : 'REGISTRY_DB_POOL_MAX';
  notices.push(`${name} is ${asked}; ${leastPoolMax} connections are used, the fewest a process works with.`);
}

function resolveSecrets(draft: Draft, isProduction: boolean) {
  const { values, role, problems } = draft;
  const isWorker = worksOnDatabases(role, values);
  const jwtSecret = values.JWT_SECRET ?? '';
  if (jwtSecret === '') {
    problems.push({ variable: 'JWT_SECRET', wrong: 'is missing', right: howToMakeSecret });
  }
  judge(draft, { variable: 'JWT_SECRET', value: values.JWT_SECRET, isProduction });
  judge(draft, { variable: 'JWT_REFRESH_SECRET', value: values.JWT_REFRESH_SECRET, isProduction });
  judge(draft, { variable: 'SUPER_ADMIN_KEY', value: values.SUPER_ADMIN_KEY, isProduction });
  judgeSameness(draft, isProduction);
  const keyFor = (variable: 'MASTER_ENCRYPTION_KEY' | 'WORKER_SECRET_KEY') =>
    resolveKey(draft, { variable, jwtSecret, isProduction });
  return {
    JWT_SECRET: jwtSecret,
    JWT_REFRESH_SECRET: values.JWT_REFRESH_SECRET ?? derive(jwtSecret, 'refresh tokens'),
    MASTER_ENCRYPTION_KEY: keyFor('MASTER_ENCRYPTION_KEY'),
    WORKER_SECRET_KEY:
      isWorker || values.WORKER_SECRET_KEY !== undefined ? keyFor('WORKER_SECRET_KEY') : undefined,
  };
}

type KeyRequest = {
  variable: 'MASTER_ENCRYPTION_KEY' | 'WORKER_SECRET_KEY';
  jwtSecret: string;
  isProduction: boolean;
};

function resolveKey(draft: Draft, { variable, jwtSecret, isProduction }: KeyRequest): string {
  const value = draft.values[variable];
  judge(draft, { variable, value, isProduction });
  if (value !== undefined) return value;
  if (isProduction) {
    draft.problems.push({ variable, wrong: 'is missing in production', right: howToMakeSecret });
  } else {
    draft.notices.push(
      `${variable} is derived from JWT_SECRET, which is for development only. ${howToMakeSecret}`,
    );
  }
  return derive(jwtSecret, variable);
}

type Judged = { variable: string; value: string | undefined; isProduction: boolean };

function judge({ problems, notices }: Draft, { variable, value, isProduction }: Judged): void {
  const why = value === undefined ? null : weakness(value);
  if (why === null) return;
  if (isProduction) problems.push({ variable, wrong: why, right: howToMakeSecret });
  else notices.push(`${variable} ${why}; production refuses it. ${howToMakeSecret}`);
}

const differentSecrets = [
  'JWT_SECRET',
  'JWT_REFRESH_SECRET',
  'SUPER_ADMIN_KEY',
  'MASTER_ENCRYPTION_KEY',
  'WORKER_SECRET_KEY',
] as const;

/** Who has one of them must not have another with it: an api process has no key of the workers, for one. */
function judgeSameness({ values, problems, notices }: Draft, isProduction: boolean): void {
  differentSecrets.forEach((variable, at) => {
    const value = values[variable];
    const same = differentSecrets
      .slice(0, at)
      .find((other) => value !== undefined && values[other] === value);
    if (same === undefined) return;
    const wrong = `is the same as ${same}`;
    if (isProduction) problems.push({ variable, wrong, right: howToMakeSecret });
    else notices.push(`${variable} ${wrong}; production refuses it. ${howToMakeSecret}`);
  });
}

/** HKDF-SHA-256 (RFC 5869); the same secret gives unrelated keys for unrelated purposes. */
function derive(secret: string, purpose: string): string {
  return Buffer.from(hkdfSync('sha256', secret, 'tenant-manager', purpose, 32)).toString('hex');
}

function tlsMode(value: SettingValues['POSTGRES_SSL']): 'disable' | 'require' | 'verify-full' {
  if (value === 'true') return 'require';
  if (value === 'false') return 'disable';
  return value;
}
