import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { sql } from 'kysely';
import { v7 as uuidv7 } from 'uuid';
import { afterAll, beforeAll } from 'vitest';
import { createIdentity, type Identity, type IdentityNeeds } from '../../src/identity/identity.ts';
import type { RegistryDatabase } from '../../src/registry/registry-database.ts';
import { insertMember } from '../../src/registry/repositories/members.ts';
import { insertTenant } from '../../src/registry/repositories/tenants.ts';
import { insertUser } from '../../src/registry/repositories/users.ts';
import type { MemberRole, TenantStatus } from '../../src/registry/tables.generated.ts';
import { refusalOf } from '../../src/routing/refusal.ts';
import { createTestRegistry, type TestRegistry } from '../support/test-registry.ts';

export const goodPassword = 'correct horse 7 battery';
export const jwt = {
  secret: 'access tokens of the tests are signed with this',
  refreshSecret: 'refresh tokens of the tests are stored under this',
  issuer: 'http://localhost:3001',
  audience: 'tenant-manager',
  accessLifeMs: 3_600_000,
  sessionLifeMs: 30 * 86_400_000,
};

export type TestTenant = { id: string; slug: string };
export type TestPerson = { id: string; email: string };

/** A registry of the file's own, identities on it, and short ways to fill it. */
export function useIdentityBench() {
  let registry: TestRegistry;
  beforeAll(async () => {
    registry = await createTestRegistry();
  });
  afterAll(() => registry.drop());

  const database = (): RegistryDatabase => registry.database;

  async function makeTenant(over: { status?: TenantStatus; plan?: string } = {}): Promise<TestTenant> {
    const { status = 'active', plan = 'free' } = over;
    const id = uuidv7();
    const slug = `t-${randomUUID().slice(0, 8)}`;
    const databaseName = `db_${id}`;
    await insertTenant(database(), { id, slug, name: `Organization ${slug}`, status, plan, databaseName });
    await database().insertInto('tenantSettings').values({ tenantId: id }).execute();
    await database().insertInto('tenantUsage').values({ tenantId: id, users: 1 }).execute();
    return { id, slug };
  }

  let hash: Promise<string> | undefined;

  async function makePerson(email = `p-${randomUUID()}@example.com`): Promise<TestPerson> {
    hash ??= identity().hashPassword(goodPassword);
    const id = uuidv7();
    await insertUser(database(), { id, email, name: null, passwordHash: await hash });
    return { id, email };
  }

  async function join(tenant: TestTenant, person: TestPerson, role: MemberRole): Promise<void> {
    await insertMember(database(), { tenantId: tenant.id, userId: person.id, role });
  }

  function identity(over: Partial<IdentityNeeds> = {}): Identity {
    return createIdentity({ database: database(), jwt, passwordMinLength: 8, refusalOf, ...over });
  }

  return {
    database,
    identity,
    makeTenant,
    makePerson,
    join,
    login: () => registry.login,

    /** A tenant with one member, who is logged in. */
    async makeMember(role: MemberRole = 'ADMIN', over: { status?: TenantStatus; plan?: string } = {}) {
      const [tenant, person] = [await makeTenant(over), await makePerson()];
      await join(tenant, person, role);
      return { tenant, person };
    },

    /** Comes back when so many statements of this registry wait for a lock. */
    async untilBlocked(count: number): Promise<void> {
      for (;;) {
        const { rows } = await sql<{ waiting: number }>`
          SELECT count(*) AS waiting FROM pg_stat_activity
          WHERE datname = current_database() AND wait_event_type = 'Lock'
        `.execute(database());
        if ((rows[0]?.waiting ?? 0) >= count) return;
        await sleep(20);
      }
    },

    /** Makes what happened to the tokens of a session happen earlier. */
    async ageTokens(sessionId: string, ms: number): Promise<void> {
      await database()
        .updateTable('refreshTokens')
        .set({ rotatedAt: sql`rotated_at - ${ms} * interval '1 millisecond'` })
        .where('sessionId', '=', sessionId)
        .execute();
    },
  };
}
