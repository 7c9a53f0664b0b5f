import type pg from 'pg';
import type { NeutralRoles } from './database-server.ts';

type RoleFacts = {
  actsAs: string;
  isPowerful: boolean;
  /** Superusers and roles of PostgreSQL's own, such as pg_execute_server_program, that it is a member of. */
  powerfulGroups: string[];
  mayCreateSchemas: boolean;
  isNeutralOwner: boolean;
  usesNeutralApplication: boolean;
  writableSchemas: string[];
};

/** Everything is named with its schema: the path is whatever the tenant made of it. */
const ROLE_FACTS = `
  SELECT current_user::text AS "actsAs",
         EXISTS (SELECT FROM pg_catalog.pg_roles r
                  WHERE r.rolname OPERATOR(pg_catalog.=) ANY (ARRAY[session_user, current_user])
                    AND (r.rolsuper OR r.rolcreatedb OR r.rolcreaterole OR r.rolreplication OR r.rolbypassrls)) AS "isPowerful",
         ARRAY(SELECT g.rolname::pg_catalog.text FROM pg_catalog.pg_roles g
                WHERE (g.rolsuper OR g.oid OPERATOR(pg_catalog.<) 16384::pg_catalog.oid)
                  AND pg_catalog.pg_has_role(session_user, g.oid, 'MEMBER')
                ORDER BY g.oid) AS "powerfulGroups",
         pg_catalog.has_database_privilege(pg_catalog.current_database(), 'CREATE') AS "mayCreateSchemas",
         pg_catalog.pg_has_role($1::pg_catalog.name, 'MEMBER') AS "isNeutralOwner",
         pg_catalog.pg_has_role($2::pg_catalog.name, 'USAGE') AS "usesNeutralApplication",
         ARRAY(SELECT n.nspname::pg_catalog.text FROM pg_catalog.pg_namespace n
                WHERE n.nspname OPERATOR(pg_catalog.!~) '^pg_(toast_)?temp_'
                  AND pg_catalog.has_schema_privilege(n.oid, 'CREATE')) AS "writableSchemas"`;

async function readFacts(client: pg.Client, neutral: NeutralRoles): Promise<RoleFacts> {
  const { rows } = await client.query<RoleFacts>(ROLE_FACTS, [neutral.owner, neutral.application]);
  const [facts] = rows;
  if (facts === undefined) throw new Error('The server gave no row for a query without FROM.');
  return facts;
}

/** Of its own and of the role that it acts as. */
function powerFaults({ isPowerful, powerfulGroups }: RoleFacts, who: string): string[] {
  const groups = powerfulGroups.join(', ');
  return [
    ...(isPowerful ? [`${who} has rights on the whole server`] : []),
    ...(groups === '' ? [] : [`${who} is a member of ${groups}`]),
  ];
}

/** What is wrong with the role that this client logged in as, seen as a migrator. */
export async function migratorFaults(client: pg.Client, neutral: NeutralRoles): Promise<string[]> {
  const facts = await readFacts(client, neutral);
  return [
    ...(facts.actsAs === neutral.owner ? [] : [`the migrator acts as "${facts.actsAs}"`]),
    ...powerFaults(facts, 'the migrator'),
    ...(facts.mayCreateSchemas ? [] : ['the migrator may not create schemas']),
  ];
}

/** What is wrong with the role that this client logged in as, seen as the application. */
export async function applicationFaults(client: pg.Client, neutral: NeutralRoles): Promise<string[]> {
  const facts = await readFacts(client, neutral);
  const schemas = facts.writableSchemas.join(', ');
  return [
    ...powerFaults(facts, 'the application role'),
    ...(facts.isNeutralOwner ? ['the application role is a member of the neutral owner'] : []),
    ...(facts.usesNeutralApplication ? [] : ['the application role does not use the neutral role']),
    ...(facts.mayCreateSchemas ? ['the application role may create schemas'] : []),
    ...(schemas === '' ? [] : [`the application role may create in: ${schemas}`]),
  ];
}
