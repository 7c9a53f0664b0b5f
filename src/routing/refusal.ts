import type { AppError } from '../errors/app-error.ts';
import { errors } from '../errors/catalogue.ts';
import type { TenantStatus } from '../registry/tables.generated.ts';

/** Why a tenant in this state takes no requests; undefined where it does. What is read-only takes reads. */
export function refusalOf(status: TenantStatus): AppError | undefined {
  switch (status) {
    case 'active':
    case 'read_only':
      return undefined;
    case 'suspended':
      return errors.tenantSuspended();
    case 'failed':
      return errors.tenantFailed();
    case 'deleting':
    case 'purging':
    case 'deleted':
      return errors.tenantDeleted();
    case 'awaiting_verification':
    case 'requested':
    case 'provisioning':
      return errors.tenantProvisioning();
    case 'maintenance':
      return errors.tenantMaintenance();
    case 'frozen':
      return errors.tenantFrozen();
  }
}
