import type { NeutralRoles } from './database-server.ts';
import { quoteIdentifier } from './quote.ts';
import type { ServerSession } from './server-session.ts';

/** What a neutral role has that no tenant may have: every migrator acts as one, every application uses the other. */
export type NeutralRoleFault = {
  readonly role: string;
  /** As in `CREATEDB`, or `membership in "pg_monitor"`. */
  readonly rights: readonly string[];
  /** The statements that take them away. */
  readonly mend: string;
};

type FoundRole = { role: string; attributes: string[]; memberOf: string[] };

const FOUND_ROLES = `
  SELECT r.rolname::text AS role,
         ARRAY(SELECT a.name FROM (VALUES ('SUPERUSER', r.rolsuper), ('CREATEROLE', r.rolcreaterole),
                 ('CREATEDB', r.rolcreatedb), ('REPLICATION', r.rolreplication), ('BYPASSRLS', r.rolbypassrls),
                 ('LOGIN', r.rolcanlogin)) a(name, has) WHERE a.has) AS attributes,
         ARRAY(SELECT g.rolname::text FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid
                WHERE m.member = r.oid ORDER BY 1) AS "memberOf"
    FROM pg_roles r WHERE r.rolname = ANY($1::text[]) ORDER BY r.rolname = $2, 1`;

/** Those of the two that exist and have more than the platform ever gives them: it gives them nothing. */
export async function neutralRoleFaults(
  session: Pick<ServerSession, 'rows'>,
  { owner, application }: NeutralRoles,
): Promise<NeutralRoleFault[]> {
  const found = await session.rows<FoundRole>(FOUND_ROLES, [[owner, application], application]);
  return found
    .filter(({ attributes, memberOf }) => attributes.length + memberOf.length > 0)
    .map(({ role, attributes, memberOf }) => ({
      role,
      rights: [...attributes, ...memberOf.map((name) => `membership in "${name}"`)],
      mend: mend(role, attributes, memberOf),
    }));
}

function mend(role: string, attributes: readonly string[], memberOf: readonly string[]): string {
  const name = quoteIdentifier(role);
  const without = attributes.map((attribute) => `NO${attribute}`).join(' ');
  return [
    ...(attributes.length === 0 ? [] : [`ALTER ROLE ${name} ${without};`]),
    ...memberOf.map((group) => `REVOKE ${quoteIdentifier(group)} FROM ${name};`),
  ].join(' ');
}
