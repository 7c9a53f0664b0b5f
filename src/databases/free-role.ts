import { quoteIdentifier } from './quote.ts';
import { retryConcurrentUpdate } from './retry-concurrent-update.ts';
import type { ServerSession } from './server-session.ts';

type Membership = { group: string; member: string; grantor: string | null };

/**
 * Those of the role in others than its group, those of others in the role, and, where each grantor's grant is one
 * of its own (from 16 on), what somebody else than the platform granted. Superusers gain nothing by one, and the
 * login that made a role has one of it from 16 on.
 */
const MEMBERSHIPS = `
  SELECT g.rolname::text AS "group", m.rolname::text AS member, b.rolname::text AS grantor
    FROM pg_auth_members a
    JOIN pg_roles g ON g.oid = a.roleid JOIN pg_roles m ON m.oid = a.member
    LEFT JOIN pg_roles b ON b.oid = a.grantor
   WHERE (m.rolname = $1 AND (g.rolname <> $2 OR $3 AND a.grantor <> 10 AND b.rolname <> current_user))
      OR (g.rolname = $1 AND NOT m.rolsuper AND m.rolname <> current_user)`;

/** What a role begins with in one database goes before what it begins with everywhere. */
const PLACES = `
  SELECT d.datname::text AS database
    FROM pg_db_role_setting s JOIN pg_database d ON d.oid = s.setdatabase JOIN pg_roles r ON r.oid = s.setrole
   WHERE r.rolname = $1 AND EXISTS (SELECT FROM unnest(s.setconfig) c WHERE starts_with(c, 'role='))`;

/**
 * Takes from a tenant's role whatever connects it with others than its group: nobody else acts as it, it acts as
 * nobody else, and no database makes it begin as somebody else.
 */
export async function freeRole(
  session: ServerSession,
  { role, group }: { role: string; group: string },
): Promise<void> {
  const isGrantorsOwn = session.features.major >= 16;
  await retryConcurrentUpdate(async () => {
    const memberships = await session.rows<Membership>(MEMBERSHIPS, [role, group, isGrantorsOwn]);
    const places = await session.rows<{ database: string }>(PLACES, [role]);
    const statements = [
      ...memberships.map((each) => withdrawal(each, isGrantorsOwn)),
      ...places.map(
        ({ database }) =>
          `ALTER ROLE ${quoteIdentifier(role)} IN DATABASE ${quoteIdentifier(database)} RESET role`,
      ),
    ];
    if (statements.length > 0) await session.run(statements.join(';\n'));
  });
}

function withdrawal({ group, member, grantor }: Membership, isGrantorsOwn: boolean): string {
  const revoke = `REVOKE ${quoteIdentifier(group)} FROM ${quoteIdentifier(member)}`;
  return isGrantorsOwn && grantor !== null
    ? `${revoke} GRANTED BY ${quoteIdentifier(grantor)} CASCADE`
    : revoke;
}
