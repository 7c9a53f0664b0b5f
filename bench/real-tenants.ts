import { randomUUID } from 'node:crypto';
import { registerPassword } from '../test/support/api-client.ts';
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

async function makeOne(fleet: Fleet, tenant: number) {
  const { id, token } = await registerOne(fleet);
  const written = await fleet.api.withToken(token).post('/api/data/companies', { name: canary(tenant) });
  if (written.status !== 201) throw new Error(`Its row was answered with ${written.status}.`);
  return { id, token, expected: JSON.stringify([{ name: canary(tenant) }]) };
}

/** A server with a thousand databases may be busy for longer than anybody waits for an answer. */
async function registerOne({ api, until }: Fleet): Promise<{ id: string; token: string }> {
  const email = `${randomUUID()}@example.com`;
  const { status, body } = await api.register(`Bench ${email}`, email);
  if (status === 201) return { id: body.data.tenant_id, token: body.data.access_token };
  if (status !== 202) throw new Error(`A tenant was answered with ${status}.`);
  const place = `/api/auth/provisioning-status/${body.data.provisioning_id}`;
  await until(async () => (await api.get(place)).body.data.status === 'completed', 'a tenant');
  const { body: session } = await api.post('/api/auth/login', { email, password: registerPassword });
  return { id: body.data.tenant_id, token: session.data.access_token };
}
