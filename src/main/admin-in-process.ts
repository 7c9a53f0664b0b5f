import { randomBytes } from 'node:crypto';
import type { AdminCall } from '../cli/admin-request.ts';
import type { Config } from '../config/load-config.ts';
import { createTenantLogins } from '../provisioning/tenant-login.ts';
import { createLogger } from '../telemetry/logger.ts';
import { assemble } from './assemble.ts';
import { assembleApi } from './assemble-api.ts';
import { assembleHealth } from './assemble-health.ts';
import { assemblePlatform } from './assemble-platform.ts';
import { configurationForCommand } from './configured-elsewhere.ts';
import { registryProblem } from './ready-registry.ts';
import { createShutdown } from './shutdown.ts';

/**
 * The admin API within this process, on the registry that the environment names: nothing listens, and the key
 * to it lives as long as the process. It is assembled at the first call.
 * @throws configuration_invalid, registry_unavailable, registry_not_migrated
 */
export function createAdminInProcess() {
  const log = createLogger({ level: 'warn', service: 'cli', destination: process.stderr });
  const shutdown = createShutdown(log);
  const adminKey = randomBytes(32).toString('hex');
  let opened: ReturnType<typeof open> | undefined;

  async function open() {
    const config: Config = {
      ...(await configurationForCommand()),
      SUPER_ADMIN_KEY: adminKey,
      // Nobody logs in here, and there is one caller.
      ENABLE_RATE_LIMITING: false,
      CACHE_REDIS_URL: undefined,
    };
    const plan = { config, log, shutdown, role: 'cli' as const, embedded: undefined };
    const platform = await assemblePlatform(plan);
    const problem = await registryProblem(platform.registry, platform.login.database);
    if (problem !== null) throw problem;
    const assembly = await assemble(plan, platform);
    const api = await assembleApi(
      plan,
      assembly,
      assembleHealth(platform, {
        dispatch: assembly.dispatch,
        isServing: () => true,
        isStopping: shutdown.isStopping,
      }),
    );
    shutdown.onStop('api', 1_000, () => api.app.close());
    return { ...api, platform };
  }

  const reach = () => {
    opened ??= open();
    return opened;
  };

  return {
    async request({ method, path, query, body, headers }: AdminCall) {
      const { app } = await reach();
      const response = await app.inject({
        method,
        path,
        headers: { ...headers, 'x-admin-key': adminKey },
        ...(query === undefined ? {} : { query: { ...query } }),
        ...(body === undefined ? {} : { payload: body as object }),
      });
      const isJson = /json/.test(String(response.headers['content-type']));
      return { status: response.statusCode, body: isJson ? (response.json() as unknown) : response.body };
    },

    async createSuperAdmin(input: { email: string; password: string; name?: string }) {
      const { identity } = await reach();
      return identity.createSuperAdmin(input);
    },

    async openTenantLogin(tenantId: string) {
      const { platform } = await reach();
      return createTenantLogins(platform)(tenantId, { kind: 'operator', id: 'cli' });
    },

    stop: () => shutdown.stop(),
  };
}
