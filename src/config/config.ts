import { group, type ValueOf } from './setting.ts';
import {
  addressRanges,
  baseUrl,
  cronExpression,
  databasePrefix,
  networks,
  origins,
  postgresUrl,
} from './special-values.ts';
import { durationMs, flag, integer, list, oneOf, port, text, url, urlList } from './value-parsers.ts';

const redisUrl = urlList('redis', 'rediss');

const process = group('Process');
const registry = group('Registry');
const server = group('Database server');
const template = group('Source schema and tenant databases');
const queue = group('Queue');
const secret = group('Secrets and tokens');
const provisioning = group('Provisioning');
const connections = group('Tenant connections');
const api = group('API');
const embedded = group('Embedded PostgreSQL');
const commandLine = group('Command line');

/** Every variable of the environment. The reference and .env.example are generated from this list. */
export const settings = {
  NODE_ENV: process(
    oneOf('development', 'test', 'production'),
    'In production, weak or missing secrets stop the start.',
    { default: 'development' },
  ),
  LOG_LEVEL: process(
    oneOf('trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'),
    'The least severe log lines that are written.',
    { default: 'info' },
  ),
  PORT: process(port, 'Port of the API.', { default: '3001', aliases: ['SERVER_PORT'] }),
  HOST: process(text, 'Address on which the API listens.', { default: '0.0.0.0' }),
  METRICS_PORT: process(
    port,
    'Port of /metrics, /health/live and /health/ready of every process, the worker included.',
    { default: '9090' },
  ),
  ENABLE_METRICS: process(flag, 'Measure, and tell Prometheus at /metrics.', { default: 'true' }),

  GLOBAL_DATABASE_URL: registry(
    postgresUrl,
    'The registry database. Without it, an embedded PostgreSQL is started. The parameters connection_limit, pool_timeout (seconds) and sslmode are understood.',
    {
      defaultDoc: 'embedded',
      secret: true,
      aliases: ['TENANT_REGISTRY_DB_URL', 'DATABASE_URL'],
      example: 'postgresql://tenant_manager:<password>@localhost:5432/tenant_manager',
    },
  ),
  GLOBAL_DATABASE_MIGRATION_URL: registry(
    postgresUrl,
    'Another login for registry migrations; the login of GLOBAL_DATABASE_URL then owns nothing.',
    { defaultDoc: 'GLOBAL_DATABASE_URL', secret: true },
  ),
  MIGRATE_ON_START: registry(
    flag,
    'Apply registry migrations at start, under a lock. Without it an unmigrated registry means not ready. npm start always migrates.',
    { defaultDoc: 'true in development, else false' },
  ),
  REGISTRY_DB_POOL_MAX: registry(integer(2, 200), 'Registry connections per process.', { defaultDoc: '10' }),

  POSTGRES_HOST: server(text, 'Host of the first database server; needed by the worker.', {
    defaultDoc: 'embedded, else localhost',
    aliases: ['DB_HOST'],
  }),
  POSTGRES_PORT: server(port, 'Its port.', { defaultDoc: '5432', aliases: ['DB_PORT'] }),
  POSTGRES_ADMIN_USER: server(text, 'A role that may create databases and roles.', {
    defaultDoc: 'postgres',
    aliases: ['DB_USER'],
  }),
  POSTGRES_ADMIN_PASSWORD: server(text, 'Its password.', { secret: true, aliases: ['DB_PASS'] }),
  POSTGRES_SSL: server(
    oneOf('disable', 'false', 'require', 'true', 'verify-full'),
    'TLS to the database server: disable, require (certificate not checked) or verify-full.',
    { default: 'disable' },
  ),
  ALLOWED_DATABASE_CIDRS: server(
    addressRanges,
    'Where database servers may be that are added over the API: addresses and networks, separated by commas. Every address of a host must be within. Link-local and metadata addresses never are.',
    { default: '10.0.0.0/8,172.16.0.0/12,192.168.0.0/16,fc00::/7' },
  ),

  SOURCE_DATABASE_NAME: template(text, 'The database whose schema new tenants get.', {
    defaultDoc: 'twenty; the sample CRM when embedded',
    aliases: ['DB_NAME'],
  }),
  SOURCE_DATA_TABLES: template(
    list,
    'Tables whose rows new tenants get as well, schema-qualified, separated by commas.',
    { default: '' },
  ),
  TENANT_DB_PREFIX: template(databasePrefix, 'Prefix of the names of tenant databases.', {
    default: 'twenty_tenant_',
  }),
  TENANT_DB_NAMES: template(
    oneOf('opaque', 'slug'),
    'opaque: prefix and a random id; slug: prefix, slug and 8 hexadecimal digits. Any tenant can list the names of all databases.',
    { default: 'opaque' },
  ),
  TENANT_SEED_SQL: template(
    text,
    'A file of SQL that is run once in each new tenant’s database, in one transaction, as its migrator role, after the database was compared with the template. {{tenant_id}} {{slug}} {{organization_name}} {{admin_user_id}} {{admin_email}} {{admin_password_hash}} become quoted literals. The worker reads it, at its start.',
    { example: '/etc/tenant-manager/seed.sql' },
  ),
  PG_DUMP: template(text, 'The pg_dump to use; pg_restore must lie beside it.', { defaultDoc: 'found' }),
  TEMPLATE_REFRESH_SCHEDULE: template(
    cronExpression,
    'Cron expression: how often the source is looked at for a new version.',
    { default: '*/5 * * * *' },
  ),
  USE_DOCKER_FOR_SCHEMA_COPY: template(flag, 'Run pg_dump through docker exec.', { default: 'false' }),
  DOCKER_POSTGRES_CONTAINER: template(text, 'The container for docker exec.', { default: 'twenty-db' }),

  REDIS_URL: queue(
    redisUrl,
    'Redis 6.2 or newer with maxmemory-policy noeviction; the nodes of a cluster are separated by commas. Without it the queue lives in the registry database.',
    { secret: true },
  ),
  CACHE_REDIS_URL: queue(
    redisUrl,
    'Redis in which all processes count requests and failed logins together, and keep, sealed, where tenants’ databases are; it may evict. Without any Redis each process counts and remembers for itself.',
    { defaultDoc: 'REDIS_URL', secret: true },
  ),
  REDIS_PASSWORD: queue(text, 'Password of REDIS_URL and CACHE_REDIS_URL, when the URL has none.', {
    secret: true,
  }),

  JWT_SECRET: secret(text, 'Signs access tokens (HS256). At least 32 bytes in production.', {
    defaultDoc: 'made and kept when embedded',
    secret: true,
    aliases: ['JWT_SECRET_ACCESS_TOKEN'],
  }),
  JWT_REFRESH_SECRET: secret(text, 'Key of the HMACs under which refresh tokens are stored.', {
    defaultDoc: 'derived from JWT_SECRET',
    secret: true,
    aliases: ['JWT_SECRET_REFRESH_TOKEN'],
  }),
  JWT_EXPIRES_IN: secret(durationMs('s'), 'Life of an access token; a bare number counts seconds.', {
    default: '24h',
    aliases: ['JWT_EXPIRY'],
  }),
  JWT_REFRESH_EXPIRES_IN: secret(durationMs('s'), 'Life of a session; a bare number counts seconds.', {
    default: '30d',
  }),
  JWT_AUDIENCE: secret(text, 'The aud claim of access tokens.', { default: 'tenant-manager' }),
  SUPER_ADMIN_KEY: secret(text, 'Root key of the admin API; unset, the admin API answers 503.', {
    defaultDoc: 'made and kept when embedded',
    secret: true,
    aliases: ['ADMIN_API_KEY'],
  }),
  MASTER_ENCRYPTION_KEY: secret(
    text,
    'Seals the credentials of tenants: 32 bytes as hex or base64, or a long secret.',
    { defaultDoc: 'made and kept when embedded; derived from JWT_SECRET in development', secret: true },
  ),
  WORKER_SECRET_KEY: secret(text, 'Opens what only the worker may open. Give it to workers only.', {
    defaultDoc: 'made and kept when embedded; derived from JWT_SECRET in development',
    secret: true,
  }),

  ENABLE_ASYNC_PROVISIONING: provisioning(
    flag,
    'true: a worker makes the database; false: the request makes it.',
    { default: 'true' },
  ),
  PROVISIONING_WAIT_MS: provisioning(
    durationMs('ms'),
    'How long a registration waits before it answers 202; at most 25 s.',
    { default: '10000' },
  ),
  QUEUE_CONCURRENCY: provisioning(integer(1, 64), 'Provisioning jobs at once, per worker.', { default: '4' }),
  WARM_POOL_SIZE: provisioning(
    integer(0, 100),
    'Finished databases that wait for a tenant, per template and server; a registration takes one instead of waiting for its own. 0 turns it off and drops those that wait.',
    { default: '3' },
  ),
  REGISTRATION_MAX_PENDING: provisioning(
    integer(1, 1_000_000),
    'Registrations that may wait for their database; more are refused with 503.',
    { default: '1000' },
  ),
  DEFAULT_PLAN: provisioning(text, 'Plan of a registration that names none.', { default: 'free' }),

  MAX_CONNECTIONS_PER_TENANT: connections(
    integer(1, 1_000),
    'Connections of one tenant, and the limit of its role.',
    { default: '10', aliases: ['DB_POOL_MAX'] },
  ),
  MIN_CONNECTIONS_PER_TENANT: connections(
    integer(0, 1_000),
    'Connections that stay open for a tenant in use, however seldom all of them are needed.',
    { default: '0', aliases: ['DB_POOL_MIN'] },
  ),
  MAX_TOTAL_CONNECTIONS: connections(
    integer(1, 100_000),
    'Connections to tenants’ databases of one server, over all processes. More than the server has room for is cut down to that, with a warning.',
    { defaultDoc: 'what max_connections of the server leaves' },
  ),
  LEASE_TIMEOUT_MS: connections(durationMs('ms'), 'How long a request waits for a connection before 503.', {
    default: '5000',
  }),
  STATEMENT_TIMEOUT_MS: connections(durationMs('ms'), 'Longest statement of a request.', {
    default: '15000',
  }),
  DATA_API_MAX_ROWS: connections(integer(1, 1_000_000), 'Most rows in one answer of /api/data.', {
    default: '1000',
  }),
  POOL_IDLE_TIMEOUT: connections(durationMs('ms'), 'How long an unused connection stays open.', {
    default: '1800000',
  }),

  PUBLIC_URL: api(
    baseUrl,
    'Where the API is reached from outside; the issuer of access tokens, and so the same in every process.',
    { defaultDoc: 'http://localhost:3001' },
  ),
  ALLOWED_ORIGINS: api(origins, 'Origins that browsers may call from, or *.', {
    defaultDoc: '* in development, none in production',
    aliases: ['FRONTEND_URL'],
  }),
  TRUSTED_PROXIES: api(networks, 'Addresses and networks whose X-Forwarded-* headers are believed.', {
    default: '',
  }),
  ENABLE_RATE_LIMITING: api(
    flag,
    'Limit how often addresses and tenants may call, and wrong admin keys. Failed logins are limited whatever this says.',
    { default: 'true' },
  ),
  RATE_LIMIT_WINDOW_MS: api(durationMs('ms'), 'The window of RATE_LIMIT_MAX_REQUESTS; seconds at least.', {
    default: '900000',
  }),
  RATE_LIMIT_MAX_REQUESTS: api(
    integer(1, 1_000_000_000),
    'Calls of one address within the window, of which it is not known who calls. Members are counted by tenant, per minute, as its plan says.',
    { default: '100' },
  ),
  PASSWORD_MIN_LENGTH: api(integer(6, 128), 'Shortest password; common ones are refused as well.', {
    default: '8',
  }),
  LOGIN_RETURNS_DATABASE_CREDENTIALS: api(
    flag,
    'Login gives ADMINs the password of the tenant’s own database role in database_url.',
    { default: 'false' },
  ),
  REGION: api(text, 'Region of this process and of new tenants.', { default: 'default' }),

  EMBEDDED_DATA_DIR: embedded(
    text,
    'Where the embedded PostgreSQL keeps its data and the secrets made for it.',
    { default: './data' },
  ),
  EMBEDDED_PG_BIN: embedded(
    text,
    'A folder with initdb, pg_ctl and postgres, used instead of looking for one.',
    { defaultDoc: 'found' },
  ),
  EMBEDDED_IN_PRODUCTION: embedded(flag, 'Allow the embedded PostgreSQL with NODE_ENV=production.', {
    default: 'false',
  }),

  TENANT_MANAGER_URL: commandLine(
    url('http', 'https'),
    'tenant-cli asks the admin API at this address; without it, it does the same within its own process.',
    { example: 'https://tenants.example.com' },
  ),
  TENANT_MANAGER_ADMIN_KEY: commandLine(
    text,
    'The admin key for that address: the SUPER_ADMIN_KEY of the server, or one that tenant-cli keys made.',
    { secret: true },
  ),
} as const;

export type SettingName = keyof typeof settings;

/** The values of all variables, each under its own name. */
export type SettingValues = { readonly [Name in SettingName]: ValueOf<(typeof settings)[Name]> };
