import { randomUUID } from 'node:crypto';
import type { LightMyRequestResponse } from 'fastify';
import { sql } from 'kysely';
import { assembleApi } from '../../src/main/assemble-api.ts';
import { assembleHealth } from '../../src/main/assemble-health.ts';
import { createShutdown } from '../../src/main/shutdown.ts';
import { createLogger } from '../../src/telemetry/logger.ts';
import { startTestPostgres, type TestPostgres } from '../support/postgres-server.ts';
import { createProvisioningBench } from '../support/provisioning-bench.ts';

export type Method = 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE' | 'OPTIONS';

export type Sent = {
  token?: string | undefined;
  key?: string | undefined;
  body?: unknown;
  headers?: Record<string, string | string[]>;
};

export type Person = {
  userId: string;
  tenantId: string;
  slug: string;
  email: string;
  token: string;
  refreshToken: string;
};

export const goodPassword = 'correct horse 7 battery';
export const problemType = 'application/problem+json; charset=utf-8';

/** They change by themselves while nobody asks for anything. */
const restlessTables = [
  'heartbeats',
  'processes',
  'connection_budgets',
  'connection_shares',
  'outbox',
  'templates',
  'audit_chain',
  'audit_head',
  'audit_unsealed',
];

export type SecurityPlace = Awaited<ReturnType<typeof openSecurityPlace>>;

/**
 * The whole API on a server that nobody else uses, for whoever lets calls through that change the server: the doctor
 * shuts its databases to all but the logins of that moment.
 */
export async function openPlaceApart() {
  const server = await startTestPostgres();
  const place = await openSecurityPlace({}, server);
  return { ...place, stop: () => place.stop().finally(() => server.stop()) };
}

/** The whole API as a process assembles it, on real servers, without a socket. */
export async function openSecurityPlace(environment: Record<string, string> = {}, server?: TestPostgres) {
  const bench = await createProvisioningBench({
    ...(server !== undefined && { server }),
    // What is refused for being too much would hide what is refused for being wrong.
    environment: { ENABLE_RATE_LIMITING: 'false', ...environment },
  });
  const { config, platform, assembly } = bench;
  const lines: string[] = [];
  const log = createLogger({
    level: 'debug',
    service: 'api',
    destination: { write: (line) => void lines.push(line) },
  });
  const shutdown = createShutdown(log);
  const health = assembleHealth(platform, { dispatch: assembly.dispatch, isServing: () => true });
  const { app, identity } = await assembleApi({ config, log, shutdown }, assembly, health);
  await app.ready();
  const adminKey = config.SUPER_ADMIN_KEY ?? '';

  function send(method: Method, url: string, sent: Sent = {}): Promise<LightMyRequestResponse> {
    const { token, key, body, headers } = sent;
    return app.inject({
      method,
      url,
      headers: {
        ...(token !== undefined && { authorization: `Bearer ${token}` }),
        ...(key !== undefined && { 'x-admin-key': key }),
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body !== undefined && { payload: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
  }

  /** An organization with its database, and its first ADMIN. */
  async function register(name: string): Promise<Person> {
    const email = `${randomUUID()}@example.com`;
    const answer = await send('POST', '/api/auth/register-organization', {
      body: { organization_name: name, admin_email: email, admin_password: goodPassword },
      headers: { prefer: 'wait=25' },
    });
    if (answer.statusCode !== 201) throw new Error(`${answer.statusCode} ${answer.body}`);
    const { data } = answer.json();
    const { tenant_id: tenantId, slug, user, access_token: token, refresh_token: refreshToken } = data;
    return { userId: user.id, tenantId, slug, email, token, refreshToken };
  }

  async function logIn(
    email: string,
    password = goodPassword,
  ): Promise<{ token: string; refreshToken: string }> {
    const answer = await send('POST', '/api/auth/login', { body: { email, password } });
    if (answer.statusCode !== 200) throw new Error(`${answer.statusCode} ${answer.body}`);
    const { access_token: token, refresh_token: refreshToken } = answer.json().data;
    return { token, refreshToken };
  }

  /** Another member of the organization, who is logged in. */
  async function addMember(admin: Person, role: 'USER' | 'ADMIN'): Promise<Person> {
    const email = `${randomUUID()}@example.com`;
    const body = { email, password: goodPassword, role };
    const answer = await send('POST', '/api/tenant/users', { token: admin.token, body });
    if (answer.statusCode !== 201) throw new Error(`${answer.statusCode} ${answer.body}`);
    const { tenantId, slug } = admin;
    return { userId: answer.json().data.id, tenantId, slug, email, ...(await logIn(email)) };
  }

  async function superAdmin(): Promise<{ email: string; token: string; refreshToken: string }> {
    const email = `${randomUUID()}@example.com`;
    await identity.createSuperAdmin({ email, password: goodPassword });
    return { email, ...(await logIn(email)) };
  }

  const registryRows = async (statement: string) =>
    (await sql.raw<Record<string, string>>(statement).execute(platform.registry)).rows;
  let stateQuery: string | undefined;

  async function makeStateQuery(): Promise<string> {
    const tables = await registryRows(
      "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace",
    );
    const names = tables
      .map(({ relname }) => String(relname))
      .filter((name) => !restlessTables.includes(name));
    // When a proof was last used may be told of one that is good, and let in nowhere. Workers look at templates by
    // themselves.
    const row = "(to_jsonb(t) - '{last_used_at,looked_at,seen_fingerprint}'::text[])::text";
    const one = (name: string) =>
      `SELECT '${name}' AS name, md5(coalesce(string_agg(${row}, '' ORDER BY ${row}), '')) AS rows FROM "${name}" t`;
    return names.map(one).join(' UNION ALL ');
  }

  return {
    ...bench,
    /** What the API has logged, the workers' lines apart. */
    lines,
    app,
    identity,
    adminKey,
    send,
    register,
    logIn,
    addMember,
    superAdmin,
    registryRows,

    /** Every row of the registry, in a form that can be compared. */
    async state(): Promise<Record<string, string>> {
      stateQuery ??= await makeStateQuery();
      return Object.fromEntries((await registryRows(stateQuery)).map(({ name, rows }) => [name, rows]));
    },

    /** What injected SQL would change first: databases, powers, the registry's own tables. */
    async catalog() {
      const prefix = bench.environment.TENANT_DB_PREFIX;
      const [databases, powerful, columns] = await Promise.all([
        registryRows(
          `SELECT datname, datallowconn, datacl::text FROM pg_database
           WHERE starts_with(datname, '${prefix}') OR datname IN ('${bench.registryName}', '${bench.sourceName}')
           ORDER BY datname`,
        ),
        registryRows('SELECT rolname FROM pg_roles WHERE rolsuper OR rolreplication ORDER BY rolname'),
        registryRows(
          `SELECT attrelid::regclass::text AS name, attname, atttypid FROM pg_attribute
           WHERE attrelid IN (SELECT oid FROM pg_class WHERE relnamespace = 'public'::regnamespace)
           ORDER BY 1, attnum`,
        ),
      ]);
      return { databases, powerful, columns };
    },

    async stop(): Promise<void> {
      await app.close();
      await shutdown.stop();
      await bench.stop();
    },
  };
}
