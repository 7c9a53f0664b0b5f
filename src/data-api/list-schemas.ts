import type pg from 'pg';

const statement = `SELECT nspname AS name FROM pg_catalog.pg_namespace
  WHERE pg_catalog.has_schema_privilege(oid, 'USAGE') ORDER BY nspname`;

/** The schemas that the connection's role may use. */
export async function listSchemas(client: pg.Client): Promise<string[]> {
  const { rows } = await client.query<{ name: string }>(statement);
  return rows.map(({ name }) => name);
}
