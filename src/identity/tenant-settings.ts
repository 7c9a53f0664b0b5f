import { z } from 'zod';

/** Whether members with the role USER may write, read, or see nothing through /api/data. */
const dataApiSchema = z.strictObject({ user_access: z.enum(['write', 'read', 'none']).optional() });

/** What an ADMIN may set. A member that is absent stays as it is. */
export const tenantSettingsSchema = z.strictObject({ data_api: dataApiSchema.optional() });

export type TenantSettings = z.infer<typeof tenantSettingsSchema>;

/** What is stored, as it is read: what another release wrote there is kept, and not shown. */
const storedSettingsSchema = z.looseObject({ data_api: z.looseObject({}).optional() });

/** What is in force, the defaults included. */
export function settingsInForce(stored: unknown) {
  const dataApi = z.object({ user_access: z.enum(['write', 'read', 'none']).catch('write') });
  return {
    data_api: dataApi.catch({ user_access: 'write' }).parse(storedSettingsSchema.parse(stored).data_api),
  };
}

/** The stored settings with a change on top, one level down as well. */
export function withChange(stored: unknown, change: TenantSettings) {
  const current = storedSettingsSchema.parse(stored);
  return { ...current, ...(change.data_api && { data_api: { ...current.data_api, ...change.data_api } }) };
}
