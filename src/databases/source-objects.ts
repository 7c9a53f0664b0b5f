import type pg from 'pg';
import { madeAfterInitdb, ofNoExtension, ofUsers } from './fingerprint-context.ts';

export type SourceExtension = {
  readonly name: string;
  readonly schema: string;
  readonly version: string;
  readonly comment: string | null;
};

export type SourceEventTrigger = {
  readonly oid: number;
  readonly name: string;
  /** The function's signature; null where an extension brings it. */
  readonly function: string | null;
  readonly isSecurityDefiner: boolean;
  /** A digest of all that CREATE FUNCTION says of it. */
  readonly definition: string;
};

/** What cannot simply be restored: somebody must decide about it, or it is in no dump. */
export type SourceObjects = {
  /** In the order in which they were created, so that what one needs comes before it. */
  readonly extensions: readonly SourceExtension[];
  readonly eventTriggers: readonly SourceEventTrigger[];
  /** Wrappers and servers whose creation would run a function of the source's author as superuser. */
  readonly unsafeWrappers: readonly {
    readonly oid: number;
    readonly kind: string;
    readonly name: string;
  }[];
  readonly policyRoles: readonly string[];
  readonly populatedViews: readonly string[];
  readonly hasPublicSchema: boolean;
};

export async function readSourceObjects(client: pg.Client): Promise<SourceObjects> {
  const { rows } = await client.query<SourceObjects>(`SELECT
    (${listOf(EXTENSIONS)}) AS extensions,
    (${listOf(EVENT_TRIGGERS)}) AS "eventTriggers",
    (${listOf(UNSAFE_WRAPPERS)}) AS "unsafeWrappers",
    ARRAY(SELECT DISTINCT r.rolname::text FROM pg_policy p JOIN pg_roles r ON r.oid = ANY(p.polroles)) AS "policyRoles",
    ARRAY(SELECT c.oid::regclass::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
           WHERE c.relkind = 'm' AND c.relispopulated AND ${ofUsers('pg_class', 'c')}) AS "populatedViews",
    to_regnamespace('public') IS NOT NULL AS "hasPublicSchema"`);
  const [objects] = rows;
  if (objects === undefined) throw new Error('The server gave no row for a query without FROM.');
  return objects;
}

function listOf(query: string): string {
  return `SELECT coalesce(jsonb_agg(to_jsonb(x)), '[]') FROM (${query}) x`;
}

const EXTENSIONS = `
  SELECT x.extname AS name, n.nspname AS schema, x.extversion AS version,
         obj_description(x.oid, 'pg_extension') AS comment
    FROM pg_extension x JOIN pg_namespace n ON n.oid = x.extnamespace
   ORDER BY x.oid`;

const EVENT_TRIGGERS = `
  SELECT t.oid::int8 AS oid, quote_ident(t.evtname) AS name, p.prosecdef AS "isSecurityDefiner",
         md5(pg_get_functiondef(p.oid)) AS definition,
         CASE WHEN ${ofNoExtension('pg_proc', 'p.oid')} THEN p.oid::regprocedure::text END AS function
    FROM pg_event_trigger t JOIN pg_proc p ON p.oid = t.evtfoid
   WHERE ${madeAfterInitdb('pg_event_trigger', 't')}`;

/** A validator is called by CREATE; only those that initdb or an extension made were looked at by somebody. */
const UNSAFE_WRAPPERS = `
  WITH wrappers AS (
    SELECT w.oid, w.fdwname FROM pg_foreign_data_wrapper w JOIN pg_proc p ON p.oid IN (w.fdwhandler, w.fdwvalidator)
     WHERE ${madeAfterInitdb('pg_foreign_data_wrapper', 'w')} AND p.oid >= 16384 AND ${ofNoExtension('pg_proc', 'p.oid')}
  )
  SELECT oid::int8 AS oid, 'foreign data wrapper' AS kind, quote_ident(fdwname) AS name FROM wrappers
  UNION
  SELECT s.oid::int8, 'server', quote_ident(s.srvname) FROM pg_foreign_server s JOIN wrappers w ON w.oid = s.srvfdw`;
