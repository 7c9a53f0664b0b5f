import { type FactQuery, type FingerprintContext, ofUsers } from './fingerprint-context.ts';

/** Tables and what hangs on them. Each query gives rows of (kind, identity, definition). */
export function relationQueries({ major, roleName }: FingerprintContext): FactQuery[] {
  return [
    ...[RELATIONS, columns(major), CONSTRAINTS, INDEXES, TRIGGERS, DISABLED_CHECKS, RULES].map((sql) => ({
      sql,
    })),
    { catalog: 'pg_policy', sql: policies(roleName) },
    { catalog: 'pg_statistic_ext', sql: STATISTICS },
  ];
}

const ofUserTables = ofUsers('pg_class', 'c');

const RELATIONS = `
  SELECT 'relation', format('%I.%I', n.nspname, c.relname), json_build_object(
    'kind', c.relkind, 'persistence', c.relpersistence, 'method', am.amname,
    'options', (SELECT json_agg(o ORDER BY o COLLATE "C") FROM unnest(c.reloptions) o),
    'toast', (SELECT t.reloptions FROM pg_class t WHERE t.oid = c.reltoastrelid),
    'rowSecurity', c.relrowsecurity, 'forced', c.relforcerowsecurity, 'identity', c.relreplident,
    'populated', c.relispopulated,
    'type', CASE WHEN c.reloftype <> 0 THEN format_type(c.reloftype, NULL) END,
    'parents', (SELECT json_agg(i.inhparent::regclass::text ORDER BY i.inhseqno)
                  FROM pg_inherits i WHERE i.inhrelid = c.oid),
    'bound', pg_get_expr(c.relpartbound, c.oid),
    'partitionKey', CASE WHEN c.relkind = 'p' THEN pg_get_partkeydef(c.oid) END,
    'query', CASE WHEN c.relkind IN ('v', 'm') THEN pg_get_viewdef(c.oid) END,
    'server', f.srvname, 'serverOptions', ft.ftoptions)::text
  FROM pg_class c
  JOIN pg_namespace n ON n.oid = c.relnamespace
  LEFT JOIN pg_am am ON am.oid = c.relam
  LEFT JOIN pg_foreign_table ft ON ft.ftrelid = c.oid
  LEFT JOIN pg_foreign_server f ON f.oid = ft.ftserver
  WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'c') AND ${ofUserTables}`;

/** Positions among the living columns: a column that was dropped leaves a number behind, and means nothing. */
function columns(major: number): string {
  return `
  SELECT 'column', format('%I.%I.%I', n.nspname, c.relname, a.attname), json_build_object(
    'position', row_number() OVER (PARTITION BY a.attrelid ORDER BY a.attnum),
    'type', format_type(a.atttypid, a.atttypmod), 'notNull', a.attnotnull,
    'default', pg_get_expr(d.adbin, d.adrelid), 'generated', a.attgenerated, 'identity', a.attidentity,
    'collation', CASE WHEN a.attcollation <> t.typcollation THEN a.attcollation::regcollation::text END,
    'storage', a.attstorage, ${major >= 14 ? "'compression', a.attcompression," : ''}
    'target', a.attstattarget, 'options', a.attoptions, 'serverOptions', a.attfdwoptions,
    'local', a.attislocal)::text
  FROM pg_attribute a
  JOIN pg_class c ON c.oid = a.attrelid
  JOIN pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_type t ON t.oid = a.atttypid
  LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
  WHERE a.attnum > 0 AND NOT a.attisdropped
    AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'c') AND ${ofUserTables}`;
}

const CONSTRAINTS = `
  SELECT 'constraint', format('%s %I', coalesce(c.oid::regclass::text, k.contypid::regtype::text), k.conname),
    json_build_object('definition', pg_get_constraintdef(k.oid), 'validated', k.convalidated,
      'local', k.conislocal, 'noInherit', k.connoinherit)::text
  FROM pg_constraint k
  JOIN pg_namespace n ON n.oid = k.connamespace
  LEFT JOIN pg_class c ON c.oid = k.conrelid AND k.conrelid <> 0
  WHERE k.contype <> 't' AND (c.oid IS NULL OR ${ofUserTables})
    AND (c.oid IS NOT NULL OR EXISTS (SELECT FROM pg_type t WHERE t.oid = k.contypid AND ${ofUsers('pg_type', 't')}))`;

const INDEXES = `
  SELECT 'index', format('%I.%I', n.nspname, x.relname), json_build_object(
    'definition', pg_get_indexdef(x.oid), 'valid', i.indisvalid, 'primary', i.indisprimary,
    'unique', i.indisunique, 'immediate', i.indimmediate,
    'clustered', i.indisclustered, 'identity', i.indisreplident,
    'parent', (SELECT h.inhparent::regclass::text FROM pg_inherits h WHERE h.inhrelid = x.oid))::text
  FROM pg_index i
  JOIN pg_class x ON x.oid = i.indexrelid
  JOIN pg_class c ON c.oid = i.indrelid
  JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE ${ofUserTables}`;

const TRIGGERS = `
  SELECT 'trigger', format('%s %I', c.oid::regclass, g.tgname),
    json_build_object('definition', pg_get_triggerdef(g.oid), 'enabled', g.tgenabled)::text
  FROM pg_trigger g
  JOIN pg_class c ON c.oid = g.tgrelid
  JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE NOT g.tgisinternal AND ${ofUserTables}`;

/** Foreign keys are checked by triggers of their own, whose names hold OIDs; somebody may have disabled them. */
const DISABLED_CHECKS = `
  SELECT 'disabled check', format('%s %I %s', c.oid::regclass, k.conname, g.tgtype), g.tgenabled::text
  FROM pg_trigger g
  JOIN pg_class c ON c.oid = g.tgrelid
  JOIN pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_constraint k ON k.oid = g.tgconstraint
  WHERE g.tgisinternal AND g.tgenabled <> 'O' AND ${ofUserTables}`;

const RULES = `
  SELECT 'rule', format('%s %I', c.oid::regclass, r.rulename),
    json_build_object('definition', pg_get_ruledef(r.oid), 'enabled', r.ev_enabled)::text
  FROM pg_rewrite r
  JOIN pg_class c ON c.oid = r.ev_class
  JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE r.rulename <> '_RETURN' AND ${ofUserTables}`;

function policies(roleName: FingerprintContext['roleName']): string {
  return `
  SELECT 'policy', format('%s %I', c.oid::regclass, p.polname), json_build_object(
    'command', p.polcmd, 'permissive', p.polpermissive,
    'roles', (SELECT json_agg(${roleName('r')} ORDER BY ${roleName('r')} COLLATE "C") FROM unnest(p.polroles) r),
    'using', pg_get_expr(p.polqual, p.polrelid), 'check', pg_get_expr(p.polwithcheck, p.polrelid))::text
  FROM pg_policy p
  JOIN pg_class c ON c.oid = p.polrelid
  JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE ${ofUserTables}`;
}

const STATISTICS = `
  SELECT 'statistics', format('%I.%I', n.nspname, s.stxname),
    json_build_object('definition', pg_get_statisticsobjdef(s.oid), 'target', s.stxstattarget)::text
  FROM pg_statistic_ext s
  JOIN pg_namespace n ON n.oid = s.stxnamespace
  WHERE ${ofUsers('pg_statistic_ext', 's')}`;
