import { createArgon2Queue } from '../src/identity/argon2-queue.ts';
import type { Fleet } from './fleet.ts';

/** Days over which the registrations are spread. */
const days = 365;
export const password = 'Test123!';

const tenantPrefix = '0199a0aa-0000-7000-8000-';
const personPrefix = '0199a0aa-0000-7000-9000-';
const uuidOf = (prefix: string) => `('${prefix}' || lpad(to_hex(n), 12, '0'))::uuid`;
const [tenant, person] = [uuidOf(tenantPrefix), uuidOf(personPrefix)];

/**
 * Tenants as rows only: no database, no role. Each has an admin who can log in, one in fifty is suspended, and the
 * names are those of a directory: some words in many of them.
 */
export async function fillRegistry({ inRegistry }: Fleet, tenants: number): Promise<void> {
  const hash = await createArgon2Queue({}).hash(password);
  await inRegistry(`
    INSERT INTO tenant_registry (id, slug, name, status, plan, server_id, database_id, database_name, migrator_role,
                                 application_role, sealed_data_key, sealed_application_password, created_at, activated_at)
    SELECT ${tenant}, 'company-' || n,
           (ARRAY['Northern', 'Blue', 'First', 'United', 'Green'])[1 + n % 5] || ' '
             || (ARRAY['Bakery', 'Foundry', 'Clinic', 'Logistics', 'Press', 'Garage', 'Studio'])[1 + n % 7] || ' ' || n,
           CASE WHEN n % 50 = 0 THEN 'suspended' ELSE 'active' END::tenant_status, 'free',
           (SELECT id FROM database_servers LIMIT 1), gen_random_uuid(), 'rows_' || n, 'm_rows_' || n, 'a_rows_' || n,
           repeat('k', 80), repeat('p', 80), at, at
      FROM generate_series(1, ${tenants}) n, LATERAL (SELECT now() - n * interval '${days} days' / ${tenants} AS at) made`);
  await inRegistry(`
    INSERT INTO global_users (id, email, password_hash)
    SELECT ${person}, 'admin' || n || '@rows.example', '${hash}' FROM generate_series(1, ${tenants}) n`);
  await inRegistry(`
    INSERT INTO tenant_members (tenant_id, user_id, role)
    SELECT ${tenant}, ${person}, 'ADMIN' FROM generate_series(1, ${tenants}) n`);
  await inRegistry(`
    INSERT INTO provisioning_runs (id, tenant_id, generation, kind, status, way, started_at, finished_at)
    SELECT gen_random_uuid(), ${tenant}, 1, 'provision', 'completed', 'clone', now(), now()
      FROM generate_series(1, ${tenants}) n`);
  await inRegistry('VACUUM ANALYZE');
}

export const idOf = (number: number): string => tenantPrefix + number.toString(16).padStart(12, '0');
