import type pg from 'pg';
import type { NeutralRoles } from './database-server.ts';
import { ofUsers } from './fingerprint-context.ts';
import { quoteIdentifier } from './quote.ts';

type OwnedObjects = { schemas: string[]; tables: string[]; sequences: string[] };

/**
 * The statements, for the neutral owner to run, that let the application role read and write everything that
 * the owner has and will have. Functions are left to PUBLIC: an EXECUTE that was revoked stays revoked.
 */
export async function applicationPrivilegeStatements(
  client: pg.Client,
  { owner, application }: NeutralRoles,
): Promise<string[]> {
  const { rows } = await client.query<OwnedObjects>(OWNED_OBJECTS, [owner]);
  const { schemas, tables, sequences } = rows[0] ?? { schemas: [], tables: [], sequences: [] };
  const to = quoteIdentifier(application);
  return [
    ...(schemas.length === 0 ? [] : [`GRANT USAGE ON SCHEMA ${schemas.join(', ')} TO ${to}`]),
    ...(tables.length === 0 ? [] : [`GRANT ${ON_TABLES} ON TABLE ${tables.join(', ')} TO ${to}`]),
    ...(sequences.length === 0 ? [] : [`GRANT ${ON_SEQUENCES} ON SEQUENCE ${sequences.join(', ')} TO ${to}`]),
    `ALTER DEFAULT PRIVILEGES GRANT USAGE ON SCHEMAS TO ${to}`,
    `ALTER DEFAULT PRIVILEGES GRANT ${ON_TABLES} ON TABLES TO ${to}`,
    `ALTER DEFAULT PRIVILEGES GRANT ${ON_SEQUENCES} ON SEQUENCES TO ${to}`,
  ];
}

const ON_TABLES = 'SELECT, INSERT, UPDATE, DELETE';
/** UPDATE is for setval, with which applications mend a sequence after they wrote numbers of their own. */
const ON_SEQUENCES = 'USAGE, SELECT, UPDATE';

const OWNED_OBJECTS = `
  SELECT ARRAY(SELECT quote_ident(n.nspname) FROM pg_namespace n
                WHERE pg_get_userbyid(n.nspowner) = $1 AND ${ofUsers('pg_namespace', 'n')}) AS schemas,
         ARRAY(${ownedRelations("('r', 'p', 'v', 'm', 'f')")}) AS tables,
         ARRAY(${ownedRelations("('S')")}) AS sequences`;

function ownedRelations(kinds: string): string {
  return `SELECT format('%I.%I', n.nspname, c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
           WHERE c.relkind IN ${kinds} AND pg_get_userbyid(c.relowner) = $1 AND ${ofUsers('pg_class', 'c')}`;
}
