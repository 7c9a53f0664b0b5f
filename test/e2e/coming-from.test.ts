import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { findFreePort } from '../../src/embedded/free-port.ts';
import { createApiClient } from '../support/api-client.ts';
import { type RunningProgram, startProgram } from '../support/programs.ts';
import { runOn } from '../support/provisioning-bench.ts';
import { startTestRedis, type TestRedis } from '../support/redis-server.ts';
import { sharedPostgres } from '../support/shared-postgres.ts';

/** An environment file as those systems ship it, for the servers of this test. */
type Coordinates = { registry: string; source: string; port: string; metricsPort: string; redis: string };

/** A tenant manager that clones a CRM's schema. */
const systemD = ({ registry, source, port }: Coordinates) => {
  const { host, port: postgresPort, admin } = sharedPostgres();
  return `
# Server
NODE_ENV=development
SERVER_PORT=${port}
# Global database
GLOBAL_DATABASE_URL=postgresql://${admin.user}:${admin.password}@${host}:${postgresPort}/${registry}
# PostgreSQL admin
POSTGRES_HOST=${host}
POSTGRES_PORT=${postgresPort}
POSTGRES_ADMIN_USER=${admin.user}
POSTGRES_ADMIN_PASSWORD=${admin.password}
# Source database
SOURCE_DATABASE_NAME=${source}
TENANT_DB_PREFIX=d${source.slice(-8)}_
TENANT_DB_NAMES=slug
USE_DOCKER_FOR_SCHEMA_COPY=false
DOCKER_POSTGRES_CONTAINER=twenty-db
# Security
JWT_SECRET=your-super-secret-jwt-key-change-in-production
JWT_REFRESH_SECRET=your-super-secret-refresh-key
JWT_EXPIRES_IN=24h
SUPER_ADMIN_KEY=your-super-admin-key
# Pools
MAX_CONNECTIONS_PER_TENANT=10
POOL_IDLE_TIMEOUT=1800000
# CORS and limits
ALLOWED_ORIGINS=http://localhost:3000,http://localhost:5173
RATE_LIMIT_WINDOW_MS=900000
RATE_LIMIT_MAX_REQUESTS=100
LOG_LEVEL=info
`;
};

/** An enterprise tenant manager, in production. Its one addition is MASTER_ENCRYPTION_KEY and WORKER_SECRET_KEY. */
const systemB = (coordinates: Coordinates) => {
  const secret = () => randomUUID() + randomUUID();
  return `${systemD(coordinates)
    .replace('NODE_ENV=development', 'NODE_ENV=production')
    .replace(/^JWT_SECRET=.*$/m, `JWT_SECRET=${secret()}`)
    .replace(/^JWT_REFRESH_SECRET=.*$/m, `JWT_REFRESH_SECRET=${secret()}`)
    .replace(/^SUPER_ADMIN_KEY=.*$/m, `SUPER_ADMIN_KEY=${secret()}`)}
MASTER_ENCRYPTION_KEY=${secret()}
WORKER_SECRET_KEY=${secret()}
MIGRATE_ON_START=true
REDIS_URL=${coordinates.redis}
METRICS_PORT=${coordinates.metricsPort}
ENABLE_ASYNC_PROVISIONING=true
ENABLE_METRICS=true
ENABLE_RATE_LIMITING=true
ENABLE_QUOTAS=true
REGION=us-east-1
ENABLE_MULTI_REGION=false
BACKUP_SCHEDULE=0 2 * * *
BACKUP_RETENTION_DAYS=30
`;
};

function parse(file: string): Record<string, string> {
  const pairs = file
    .split('\n')
    .filter((line) => /^[A-Z]/.test(line))
    .map((line): [string, string] => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]);
  return Object.fromEntries(pairs);
}

describe('the environment file of another system', () => {
  let program: RunningProgram | undefined;
  let redis: TestRedis | undefined;
  afterEach(async () => {
    await program?.kill('SIGTERM');
    await redis?.stop();
  });

  it.each([
    ['one that clones a CRM’s schema', systemD],
    ['an enterprise one, in production', systemB],
  ])('%s: it starts, and the first registration gets its 201', async (_, environmentFile) => {
    const id = randomUUID().slice(0, 8);
    redis = await startTestRedis({ maxmemoryPolicy: 'noeviction' });
    const coordinates = {
      registry: `registry_${id}`,
      source: `source_${id}`,
      port: String(await findFreePort()),
      metricsPort: String(await findFreePort()),
      redis: redis.url,
    };
    await runOn(sharedPostgres(), 'postgres', `CREATE DATABASE ${coordinates.registry}`);
    await runOn(sharedPostgres(), 'postgres', `CREATE DATABASE ${coordinates.source}`);
    await runOn(sharedPostgres(), coordinates.source, await readFile('samples/crm.sql', 'utf8'));
    const environment = parse(environmentFile(coordinates));
    program = startProgram('all', { METRICS_PORT: coordinates.metricsPort, ...environment });
    await program.saw(/tenant-manager is ready/);
    const api = createApiClient(`http://127.0.0.1:${coordinates.port}`);
    expect((await api.get('/health')).body).toMatchObject({ status: 'healthy', service: 'tenant-manager' });
    const answer = await api.register('Test', 'test@test.com');
    expect(answer).toMatchObject({
      status: 201,
      body: {
        success: true,
        message: 'Organization registered successfully',
        data: { slug: 'test', user: { email: 'test@test.com', role: 'ADMIN' } },
      },
    });
    const login = await api.post('/api/auth/login', { email: 'test@test.com', password: 'Test123!' });
    expect(login.body.data.database_url).toMatch(new RegExp(`^postgresql://.*/d${id}_test_[0-9a-f]{8}$`));
    const stats = await api.as({ 'x-admin-key': environment.SUPER_ADMIN_KEY ?? '' }).get('/api/admin/stats');
    expect(stats.status).toBe(200);
  });
});
