import { DATABASE_STATE, type DatabaseState } from './database-state.ts';
import { ROLE_STATE, type RoleState } from './role-state.ts';
import type { ServerSession } from './server-session.ts';

/** What to look for: everything with one of these prefixes, taken literally, and these names. */
export type Wanted = { readonly prefixes: readonly string[]; readonly names: readonly string[] };

export type ListedDatabase = DatabaseState & {
  /** The roles beside its owner that have any right on it. */
  readonly grantees: readonly string[];
  /** Sessions of clients in it, whoever they are. */
  readonly sessions: number;
};

export type ListedRole = RoleState & {
  readonly mayCreateDatabasesOrRoles: boolean;
  /** -1: none. */
  readonly connectionLimit: number;
  /** Until when its password is good, as the server writes it; null: for ever. */
  readonly validUntil: string | null;
  /** It has what its groups may without SET ROLE. */
  readonly inherits: boolean;
  /** It may grant a group that it is in. */
  readonly mayLetOthersIn: boolean;
  /** The roles as which its sessions begin, in all or in some databases. */
  readonly actsAs: readonly string[];
  /** Who may act as it: neither superusers, which may anyway, nor the login that asks. */
  readonly members: readonly string[];
  /** Sessions that logged in as it. */
  readonly sessions: number;
};

export type PlatformObjects = { readonly databases: ListedDatabase[]; readonly roles: ListedRole[] };

const sessionsBy = (column: string) => `
    SELECT s.${column}, count(*)::int AS sessions FROM pg_stat_activity s
     WHERE s.backend_type = 'client backend' GROUP BY 1`;
const isWanted = (name: string) =>
  `(${name} = ANY($2::text[]) OR EXISTS (SELECT FROM unnest($1::text[]) p WHERE starts_with(${name}, p)))`;

const DATABASES = `
  SELECT ${DATABASE_STATE},
         ARRAY(SELECT DISTINCT pg_get_userbyid(a.grantee)::text FROM aclexplode(d.datacl) a
                WHERE a.grantee NOT IN (0, d.datdba) ORDER BY 1) AS grantees,
         coalesce(used.sessions, 0) AS sessions
    FROM pg_database d
    LEFT JOIN (${sessionsBy('datid')}) used ON used.datid = d.oid
   WHERE ${isWanted('d.datname::text')}
   ORDER BY 1`;

/** Of a membership `m`. Until 15 the role alone says so; pg_has_role takes seconds for thousands of roles. */
const DOES_NOT_INHERIT = `(to_jsonb(m) ->> 'inherit_option')::boolean IS FALSE`;

const ROLES = `
  SELECT ${ROLE_STATE},
         r.rolcreatedb OR r.rolcreaterole AS "mayCreateDatabasesOrRoles",
         r.rolconnlimit AS "connectionLimit",
         CASE WHEN isfinite(r.rolvaliduntil) THEN r.rolvaliduntil::text END AS "validUntil",
         r.rolinherit AND NOT EXISTS (
           SELECT FROM pg_auth_members m WHERE m.member = r.oid AND ${DOES_NOT_INHERIT}) AS inherits,
         EXISTS (SELECT FROM pg_auth_members m WHERE m.member = r.oid AND m.admin_option) AS "mayLetOthersIn",
         coalesce(begun.roles, '{}') AS "actsAs",
         coalesce(shared.members, '{}') AS members,
         coalesce(used.sessions, 0) AS sessions
    FROM pg_roles r
    LEFT JOIN (${sessionsBy('usesysid')}) used ON used.usesysid = r.oid
    LEFT JOIN (SELECT s.setrole, array_agg(DISTINCT substr(c, length('role=') + 1)) AS roles
                 FROM pg_db_role_setting s, unnest(s.setconfig) c
                WHERE starts_with(c, 'role=') GROUP BY 1) begun ON begun.setrole = r.oid
    LEFT JOIN (SELECT m.roleid, array_agg(DISTINCT g.rolname::text) AS members
                 FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.member
                WHERE NOT g.rolsuper AND g.rolname <> current_user GROUP BY 1) shared ON shared.roleid = r.oid
   WHERE ${isWanted('r.rolname::text')}
   ORDER BY 1`;

/** What the server has by the platform's names, to be compared with what the registry says. Two statements. */
export async function listPlatformObjects(
  session: Pick<ServerSession, 'rows'>,
  { databases, roles }: { databases: Wanted; roles: Wanted },
): Promise<PlatformObjects> {
  const values = ({ prefixes, names }: Wanted) => [[...prefixes], [...names]];
  return {
    databases: await session.rows<ListedDatabase>(DATABASES, values(databases)),
    roles: await session.rows<ListedRole>(ROLES, values(roles)),
  };
}

/**
 * Which of these databases hold objects of the role: that is in a catalog which all databases share, so that
 * nobody has to enter them, and a clone has it from its template.
 */
export async function listDatabasesWithObjectsOf(
  session: Pick<ServerSession, 'rows'>,
  role: string,
  databases: readonly string[],
): Promise<Set<string>> {
  const found = await session.rows<{ name: string }>(
    `SELECT d.datname::text AS name FROM pg_database d
      WHERE d.datname = ANY($2::text[])
        AND EXISTS (SELECT FROM pg_shdepend s
                     WHERE s.dbid = d.oid AND s.refclassid = 'pg_authid'::regclass
                       AND s.refobjid = (SELECT oid FROM pg_roles WHERE rolname = $1))`,
    [role, [...databases]],
  );
  return new Set(found.map(({ name }) => name));
}

export type ClientSessions = {
  /** Empty where the process has not said its name. */
  readonly applicationName: string;
  readonly host: string;
  readonly sessions: number;
};

/** The sessions that logged in as roles with one of these prefixes, by the process that opened them. */
export function countSessionsByClient(
  session: Pick<ServerSession, 'rows'>,
  rolePrefixes: readonly string[],
): Promise<ClientSessions[]> {
  return session.rows<ClientSessions>(
    `SELECT s.application_name AS "applicationName", coalesce(host(s.client_addr), 'a socket') AS host,
            count(*)::int AS sessions
       FROM pg_stat_activity s
      WHERE s.backend_type = 'client backend'
        AND EXISTS (SELECT FROM unnest($1::text[]) p WHERE starts_with(s.usename::text, p))
      GROUP BY 1, 2 ORDER BY 1, 2`,
    [[...rolePrefixes]],
  );
}
