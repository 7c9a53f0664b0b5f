import { sqlState } from '../../databases/sql-state.ts';
import { errors } from '../../errors/catalogue.ts';
import { publish } from '../../registry/messages.ts';
import type { RegistryTransaction } from '../../registry/registry-database.ts';
import { chooseServer, describeCapacity } from '../../registry/repositories/database-servers.ts';
import { noteWay } from '../../registry/repositories/run-ways.ts';
import type { Tenant, TenantChange } from '../../registry/repositories/tenants.ts';
import { claimWarmDatabase } from '../../registry/repositories/warm-claims.ts';
import type { Naming } from '../database-names.ts';
import type { RunContext } from '../run-context.ts';
import { type Step, usualDeadlineMs } from '../step.ts';

type Needs = { naming: Pick<Naming, 'nameOfClaimed'> };

/**
 * Gives the tenant a place: a warm database, which the next steps then find finished, or a server where they
 * make one. From here on the tenant is being provisioned.
 */
export function placeTenant(needs: Needs): Step {
  return {
    name: 'place-tenant',
    deadlineMs: usualDeadlineMs,

    async run(context) {
      const { tenant } = context;
      if (tenant.serverId !== null && tenant.status === 'provisioning') return;
      const begun = { status: 'provisioning' as const, provisioningAt: new Date() };
      if (tenant.serverId !== null && tenant.databaseName !== null) {
        // Something of an earlier attempt may be left there, under these names.
        await context.save(begun);
        return;
      }
      await context.save(async (trx) => ({
        ...begun,
        ...((await claim(needs, trx, context)) ?? (await choose(trx, tenant))),
      }));
      context.foreseeSession();
    },
  };
}

async function claim(
  { naming }: Needs,
  trx: RegistryTransaction,
  { tenant, run }: RunContext,
): Promise<TenantChange | undefined> {
  const { templateId, region, slug } = tenant;
  if (templateId === null) return undefined;
  const warm = await claimWarmDatabase(trx, { templateId, region });
  if (warm === undefined) return undefined;
  await noteWay(trx, run.id, 'warm');
  await publish(trx, { kind: 'warm.wanted', serverId: warm.serverId });
  const databaseName = naming.nameOfClaimed(warm.databaseName, slug);
  return {
    serverId: warm.serverId,
    databaseId: warm.id,
    databaseName,
    renamedFrom: databaseName === warm.databaseName ? null : warm.databaseName,
    migratorRole: warm.migratorRole,
    applicationRole: warm.applicationRole,
    sealedDataKey: warm.sealedDataKey,
    sealedApplicationPassword: warm.sealedApplicationPassword,
    sealedMigratorPassword: warm.sealedMigratorPassword,
    templateCopyId: warm.templateCopyId,
    templateVersionId: warm.templateVersionId,
  };
}

async function choose(trx: RegistryTransaction, { region }: Tenant): Promise<TenantChange> {
  const server = await chooseServer(trx, region).catch((error: unknown) => {
    if (sqlState(error) !== '55P03') throw error;
    throw errors.serverBusy('another tenant is being placed on it, and that does not end');
  });
  if (server === undefined) throw errors.capacityExhausted(await describeCapacity(trx));
  // A copy that was pinned before may be on another server.
  return { serverId: server.id, templateCopyId: null, templateVersionId: null };
}
