import { readPostgresUrl } from './postgres-url.ts';
import type { Environment } from './read-environment.ts';
import type { ConfigProblem } from './resolve-settings.ts';
import { postgresUrl } from './special-values.ts';

/**
 * Variables of the systems that people come from, and of features that this version does not have. They are
 * accepted, and a notice says that they do nothing.
 */
const ignored: Readonly<Record<string, string>> = {
  ENABLE_MULTI_USER: 'every installation is multi-user',
  ENABLE_HTTPS: 'TLS ends at the reverse proxy',
  ENABLE_QUOTAS: 'quotas are not in this version',
  ENABLE_MULTI_REGION: 'placement by region is not in this version',
  SMTP_HOST: 'mail is not in this version',
  STRIPE_SECRET_KEY: 'billing is not in this version',
  PADDLE_API_KEY: 'billing is not in this version',
  S3_ENDPOINT: 'file storage is not in this version',
  BACKUP_SCHEDULE: 'backups are not in this version',
};

/** One sentence for each variable that is set and does nothing here. */
export function foreignVariableNotices(environment: Environment): string[] {
  return Object.entries(environment).flatMap(([name, value]) => {
    if (value === undefined) return [];
    if (name.startsWith('EASYPANEL_')) return [`${name} is ignored: it is the hosting panel's own.`];
    const why = ignored[name];
    return why === undefined ? [] : [`${name} is ignored: ${why}.`];
  });
}

/**
 * `DATABASE_URL` beside `TENANT_REGISTRY_DB_URL` names the first database server and the source database,
 * as in registry-based systems that keep both.
 */
export function withDatabaseUrlSplit(environment: Environment, problems: ConfigProblem[]): Environment {
  const { DATABASE_URL: url, TENANT_REGISTRY_DB_URL: registryUrl } = environment;
  if (!url || !registryUrl) return environment;
  const parsed = postgresUrl.safeParse(url);
  if (!parsed.success) {
    const right = `It ${parsed.error.issues.map(({ message }) => message).join(', ')}.`;
    problems.push({ variable: 'DATABASE_URL', wrong: 'is (not shown)', right });
    return { ...environment, DATABASE_URL: undefined };
  }
  const { host, port, user, password, database, ssl } = readPostgresUrl(url);
  return {
    ...(ssl === false ? {} : { POSTGRES_SSL: ssl.rejectUnauthorized ? 'verify-full' : 'require' }),
    DB_HOST: host,
    DB_PORT: String(port),
    DB_USER: user,
    DB_PASS: password,
    DB_NAME: database,
    ...environment,
    DATABASE_URL: undefined,
  };
}
