import { quoteIdentifier } from './quote.ts';
import { retryConcurrentUpdate } from './retry-concurrent-update.ts';
import type { ServerSession } from './server-session.ts';

/** One right on a database, as its ACL has it. */
type Grant = {
  giver: string;
  /** null: PUBLIC. */
  receiver: string | null;
  right: string;
  isGivenByOwner: boolean;
  mayGiveOn: boolean;
};

const GRANTS = `
  SELECT pg_get_userbyid(a.grantor)::text AS giver,
         CASE WHEN a.grantee <> 0 THEN pg_get_userbyid(a.grantee)::text END AS receiver,
         a.privilege_type::text AS "right", a.grantor = d.datdba AS "isGivenByOwner",
         a.is_grantable AS "mayGiveOn"
    FROM pg_database d, aclexplode(d.datacl) a WHERE d.datname = $1 AND a.grantee <> d.datdba`;

/**
 * Takes every right on a database from PUBLIC and from these roles, whoever gave it. What somebody gave by a grant
 * option outlives a REVOKE by the owner, so that he loses the option, and the others whom he let in are let in by
 * the owner instead. The session acts as the owner.
 */
export async function withdrawRights(
  session: ServerSession,
  database: string,
  roles: readonly string[],
): Promise<void> {
  await retryConcurrentUpdate(async () => {
    const grants = await session.rows<Grant>(GRANTS, [database]);
    await session.run(withdrawal(quoteIdentifier(database), grants, roles).join(';\n'));
  });
}

function withdrawal(database: string, grants: readonly Grant[], roles: readonly string[]): string[] {
  const isUnwanted = ({ receiver }: Grant) => receiver === null || roles.includes(receiver);
  const options = new Set(grants.filter(isUnwanted).flatMap((grant) => rootsOf(grant, grants)));
  for (const role of roles) options.delete(role);
  const kept = grants.filter(
    (grant) => !isUnwanted(grant) && rootsOf(grant, grants).some((root) => options.has(root)),
  );
  return [
    ...[...options].map(
      (role) => `REVOKE GRANT OPTION FOR ALL ON DATABASE ${database} FROM ${quoteIdentifier(role)} CASCADE`,
    ),
    ...roles.map((role) => `REVOKE ALL ON DATABASE ${database} FROM ${quoteIdentifier(role)} CASCADE`),
    `REVOKE ALL ON DATABASE ${database} FROM PUBLIC CASCADE`,
    ...kept.map(
      ({ right, receiver }) => `GRANT ${right} ON DATABASE ${database} TO ${quoteIdentifier(receiver ?? '')}`,
    ),
  ];
}

/** Who, let in by the owner himself, stands at the beginning of what led to a grant; nobody for the owner's own. */
function rootsOf({ giver, right, isGivenByOwner }: Grant, grants: readonly Grant[]): string[] {
  if (isGivenByOwner) return [];
  // PostgreSQL refuses circles of grant options.
  const reasons = grants.filter((each) => each.receiver === giver && each.right === right && each.mayGiveOn);
  return reasons.flatMap((each) => (each.isGivenByOwner ? [giver] : rootsOf(each, grants)));
}
