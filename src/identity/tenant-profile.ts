import { errors } from '../errors/catalogue.ts';
import { publish } from '../registry/messages.ts';
import type { RegistryDatabase } from '../registry/registry-database.ts';
import { type Actor, recordAudit } from '../registry/repositories/audit-log.ts';
import { lockProfile, writeProfile } from '../registry/repositories/tenant-profiles.ts';
import { type TenantSettings, withChange } from './tenant-settings.ts';

export type ProfileChange = {
  tenantId: string;
  name?: string | undefined;
  settings?: TenantSettings | undefined;
  actor: Actor;
};

/** What a tenant's ADMIN changes about it. */
export function createTenantProfile({ database }: { database: RegistryDatabase }) {
  return {
    /** @throws tenant_not_found */
    async changeTenantProfile({ tenantId, name, settings = {}, actor }: ProfileChange): Promise<void> {
      await database.transaction().execute(async (trx) => {
        const locked = await lockProfile(trx, tenantId);
        if (locked === undefined) throw errors.tenantNotFound();
        const { slug, ...before } = locked;
        const after = { name: name ?? before.name, settings: withChange(before.settings, settings) };
        await writeProfile(trx, tenantId, after);
        await recordAudit(trx, { actor, action: 'tenant.profile_changed', tenantId, before, after });
        await publish(trx, { kind: 'tenant.changed', tenantId, slug });
      });
    },
  };
}
