import { errors } from '../../errors/catalogue.ts';
import { chooseServer } from '../../registry/repositories/database-servers.ts';
import type { Step } from '../step.ts';

/** Chooses the server; from here on the tenant is being provisioned. */
export const placeTenant: Step = {
  name: 'place-tenant',

  async run(context) {
    const { tenant } = context;
    if (tenant.serverId !== null && tenant.status === 'provisioning') return;
    if (tenant.serverId !== null && tenant.databaseName !== null) {
      // Something of an earlier attempt may be left there, under these names.
      await context.save({ status: 'provisioning', provisioningAt: new Date() });
      return;
    }
    const server = await chooseServer(context.needs.registry, tenant.region);
    if (server === undefined) throw errors.serverFull('of any region', 'all are full or draining');
    await context.save({ status: 'provisioning', serverId: server.id, provisioningAt: new Date() });
  },
};
