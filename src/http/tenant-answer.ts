import { z } from 'zod';
import type { TenantSummary } from '../registry/repositories/tenant-list.ts';
import { timestamp, uuid } from './schemas.ts';

export const tenantStatus = z.enum([
  'awaiting_verification',
  'requested',
  'provisioning',
  'active',
  'suspended',
  'read_only',
  'maintenance',
  'frozen',
  'failed',
  'deleting',
  'purging',
  'deleted',
]);

/** A tenant as a line of the operator's list. */
export const tenantItem = z.object({
  id: uuid,
  slug: z.string(),
  tenant_key: z.string(),
  name: z.string(),
  mode: z.enum(['shared', 'dedicated']),
  status: tenantStatus,
  plan: z.string(),
  region: z.string(),
  server: z.string().nullable(),
  database_name: z.string().nullable(),
  users: z.number().int(),
  database_size_bytes: z.number().int().nullable(),
  created_at: timestamp,
  last_activity_at: timestamp.nullable(),
  schema_version: z.string().nullable(),
});

/** One tenant, with the history of its states. */
export const tenantDetail = tenantItem.extend({
  status_reason: z.string().nullable(),
  needs_attention: z.boolean(),
  tags: z.array(z.string()),
  activated_at: timestamp.nullable(),
  suspended_at: timestamp.nullable(),
  failed_at: timestamp.nullable(),
  deleting_at: timestamp.nullable(),
  purge_after: timestamp.nullable(),
  deleted_at: timestamp.nullable(),
});

/** Named member by member, so that a new column is never shown by itself. */
export function toTenantItem(tenant: TenantSummary): z.infer<typeof tenantItem> {
  return {
    id: tenant.id,
    slug: tenant.slug,
    tenant_key: tenant.slug,
    name: tenant.name,
    mode: tenant.mode,
    status: tenant.status,
    plan: tenant.plan,
    region: tenant.region,
    server: tenant.server,
    database_name: tenant.databaseName,
    users: tenant.users,
    database_size_bytes: tenant.databaseSizeBytes,
    created_at: tenant.createdAt.toISOString(),
    last_activity_at: iso(tenant.lastActivityAt),
    schema_version: tenant.schemaVersion,
  };
}

export function toTenantDetail(tenant: TenantSummary): z.infer<typeof tenantDetail> {
  return {
    ...toTenantItem(tenant),
    status_reason: tenant.statusReason,
    needs_attention: tenant.needsAttention,
    tags: tenant.tags,
    activated_at: iso(tenant.activatedAt),
    suspended_at: iso(tenant.suspendedAt),
    failed_at: iso(tenant.failedAt),
    deleting_at: iso(tenant.deletingAt),
    purge_after: iso(tenant.purgeAfter),
    deleted_at: iso(tenant.deletedAt),
  };
}

const iso = (date: Date | null): string | null => date?.toISOString() ?? null;
