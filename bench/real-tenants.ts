import type { Fleet } from './fleet.ts';

/** Every request reads this row of its tenant, so that a row of another is seen. */
const canary = (tenant: number) => `row of tenant ${tenant}`;
export const readCanary = '/api/data/companies?select=name';

/** So many registrations at once; more would only wait for the worker. */
const atOnce = 16;

export type RealTenant = { id: string; token: string; database: string; expected: string };

/** Tenants with a database each, and one row in it. */
export async function makeRealTenants(fleet: Fleet, count: number): Promise<RealTenant[]> {
  const made: Omit<RealTenant, 'database'>[] = [];
  let next = 0;
  const hand = async () => {
    while (next < count) {
      next += 1;
      made.push(await makeOne(fleet, next));
    }
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, count) }, hand));
  const rows = await fleet.inRegistry<{ id: string; database: string }>(
    'SELECT id, database_name AS database FROM tenant_registry',
  );
  const databaseOf = new Map(rows.map(({ id, database }) => [id, database]));
  return made.map((tenant) => ({ ...tenant, database: databaseOf.get(tenant.id) ?? '' }));
}

async function makeOne({ api, register }: Fleet, tenant: number) {
  const { status, body } = await register();
  if (status !== 201) throw new Error(`A tenant was answered with ${status}.`);
  const { tenant_id: id, access_token: token } = body.data;
  const written = await api.withToken(token).post('/api/data/companies', { name: canary(tenant) });
  if (written.status !== 201) throw new Error(`Its row was answered with ${written.status}.`);
  return { id, token, expected: JSON.stringify([{ name: canary(tenant) }]) };
}
