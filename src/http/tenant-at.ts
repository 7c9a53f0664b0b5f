import { z } from 'zod';
import { errors } from '../errors/catalogue.ts';
import type { RegistryExecutor } from '../registry/registry-database.ts';
import { findTenantSummary, type TenantSummary } from '../registry/repositories/tenant-list.ts';

/** `:id` of a path: a tenant's id or slug. No slug looks like a UUID. */
export const tenantParams = z.object({ id: z.string() });

/** @throws tenant_not_found */
export async function tenantAt(registry: RegistryExecutor, idOrSlug: string): Promise<TenantSummary> {
  const isId = z.uuid().safeParse(idOrSlug).success;
  const isSlug = /^[a-z0-9-]{3,40}$/.test(idOrSlug);
  if (!isId && !isSlug) throw errors.tenantNotFound();
  const tenant = await findTenantSummary(registry, isId ? { id: idOrSlug } : { slug: idOrSlug });
  if (tenant === undefined) throw errors.tenantNotFound();
  return tenant;
}
