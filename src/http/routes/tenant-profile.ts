import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { errors } from '../../errors/catalogue.ts';
import type { Identity } from '../../identity/identity.ts';
import { settingsInForce, tenantSettingsSchema } from '../../identity/tenant-settings.ts';
import type { RegistryDatabase } from '../../registry/registry-database.ts';
import { findProfile } from '../../registry/repositories/tenant-profiles.ts';
import { actorOf } from '../caller.ts';
import { requireTenantMember } from '../require-member.ts';
import { organizationName, success, timestamp, uuid } from '../schemas.ts';

export type TenantProfileRoutesNeeds = {
  database: RegistryDatabase;
  identity: Pick<Identity, 'changeTenantProfile'>;
};

const profileAnswer = success(
  z.object({
    id: uuid,
    tenant_key: z.string(),
    slug: z.string(),
    name: z.string(),
    status: z.string(),
    plan: z.string(),
    region: z.string(),
    features: z.record(z.string(), z.unknown()),
    seats: z.object({ used: z.number().int(), limit: z.number().int().nullable() }),
    usage: z.object({ users: z.number().int(), database_size_bytes: z.number().int().nullable() }),
    settings: z.object({ data_api: z.object({ user_access: z.enum(['write', 'read', 'none']) }) }),
    created_at: timestamp,
  }),
);

const changeBody = z
  .strictObject({ name: organizationName.optional(), settings: tenantSettingsSchema.optional() })
  .refine(
    ({ name, settings }) => name !== undefined || settings !== undefined,
    'must name something to change',
  );

const tags = ['tenant'];

/** A tenant as its members see it, and what its ADMINs change. */
export function tenantProfileRoutes({ database, identity }: TenantProfileRoutesNeeds): FastifyPluginAsyncZod {
  const readSchema = { tags, summary: 'Your organization', response: { 200: profileAnswer } };
  const changeSchema = { ...readSchema, summary: 'Change name or settings', body: changeBody };
  return async (app) => {
    app.get('/api/tenant', { schema: readSchema, config: { access: 'tenant-member' } }, async (request) => {
      const { tenantId } = requireTenantMember(request.caller);
      return { success: true as const, data: await describeTenant(database, tenantId) };
    });

    app.patch(
      '/api/tenant',
      { schema: changeSchema, config: { access: 'tenant-admin' } },
      async (request) => {
        const { tenantId } = requireTenantMember(request.caller);
        await identity.changeTenantProfile({ tenantId, ...request.body, actor: actorOf(request.caller) });
        return { success: true as const, data: await describeTenant(database, tenantId) };
      },
    );
  };
}

async function describeTenant(database: RegistryDatabase, tenantId: string) {
  const profile = await findProfile(database, tenantId);
  if (profile === undefined) throw errors.tenantNotFound();
  return {
    id: profile.id,
    tenant_key: profile.slug,
    slug: profile.slug,
    name: profile.name,
    status: profile.status,
    plan: profile.plan,
    region: profile.region,
    features: z.record(z.string(), z.unknown()).parse(profile.features),
    seats: { used: profile.seatsUsed, limit: profile.seatLimit },
    usage: { users: profile.seatsUsed, database_size_bytes: profile.databaseSizeBytes },
    settings: settingsInForce(profile.settings),
    created_at: profile.createdAt.toISOString(),
  };
}
