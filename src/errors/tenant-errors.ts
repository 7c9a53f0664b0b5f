import { defineError } from './define-error.ts';

/** What state a tenant is in, seen from a request to it. */
export const tenantErrors = {
  tenantNotFound: defineError(
    ['tenant_not_found', 404, 'Tenant not found'],
    () => 'There is no such tenant.',
  ),
  tenantSuspended: defineError(
    ['tenant_suspended', 409, 'Tenant suspended'],
    () => 'This organization is suspended.',
  ),
  tenantReadOnly: defineError(
    ['tenant_read_only', 409, 'Tenant read-only'],
    () => 'This organization is read-only at present.',
  ),
  tenantDeleted: defineError(
    ['tenant_deleted', 409, 'Tenant deleted'],
    () => 'This organization was deleted.',
  ),
  tenantFailed: defineError(
    ['tenant_failed', 409, 'Tenant not set up'],
    () => 'The database of this organization could not be made. The operator has been told.',
  ),
  tenantProvisioning: defineError(
    ['tenant_provisioning', 503, 'Tenant provisioning'],
    () => 'The database of this organization is being made.',
  ),
  tenantMaintenance: defineError(
    ['tenant_maintenance', 503, 'Tenant in maintenance'],
    () => 'This organization is in maintenance.',
    { retryAfterSeconds: 30 },
  ),
  tenantFrozen: defineError(
    ['tenant_frozen', 503, 'Tenant frozen'],
    () => 'This organization is being woken up.',
    { retryAfterSeconds: 10 },
  ),
  tenantDatabaseUnavailable: defineError(
    ['tenant_database_unavailable', 503, 'Database unavailable'],
    () => 'The database of this organization cannot be reached.',
    { retryAfterSeconds: 5 },
  ),
  leaseTimeout: defineError(
    ['lease_timeout', 503, 'No connection free'],
    (waitedMs: number) => `No database connection became free within ${waitedMs} ms.`,
  ),
  tooManyWaiting: defineError(
    ['too_many_waiting', 503, 'Too many requests wait'],
    (waiting: number) =>
      `${waiting} requests of this organization wait for a database connection already. Ask for less at once.`,
  ),
} as const;
