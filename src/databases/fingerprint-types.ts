import { type FactQuery, type FingerprintContext, madeAfterInitdb, ofUsers } from './fingerprint-context.ts';

/** Types, functions, and what they are joined to operators with. Rows of (kind, identity, definition). */
export function typeQueries({ major }: FingerprintContext): FactQuery[] {
  return [
    ...[types(major), SEQUENCES, FUNCTIONS].map((sql) => ({ sql })),
    { catalog: 'pg_aggregate', sql: AGGREGATES },
    { catalog: 'pg_cast', sql: CASTS },
    { catalog: 'pg_operator', sql: OPERATORS },
    { catalog: 'pg_opclass', sql: OPERATOR_CLASSES },
    { catalog: 'pg_opfamily', sql: OPERATOR_FAMILIES },
    { catalog: 'pg_transform', sql: TRANSFORMS },
  ];
}

function types(major: number): string {
  return `
  SELECT 'type', format('%I.%I', n.nspname, t.typname), json_build_object(
    'kind', t.typtype, 'notNull', t.typnotnull, 'default', t.typdefault,
    'labels', (SELECT json_agg(l.enumlabel ORDER BY l.enumsortorder) FROM pg_enum l WHERE l.enumtypid = t.oid),
    'base', CASE WHEN t.typtype = 'd' THEN format_type(t.typbasetype, t.typtypmod) END,
    'collation', CASE WHEN t.typtype = 'd' AND t.typcollation <> 0 THEN t.typcollation::regcollation::text END,
    'input', CASE WHEN t.typtype = 'b' THEN t.typinput::regproc::text END,
    'output', CASE WHEN t.typtype = 'b' THEN t.typoutput::regproc::text END,
    'storage', CASE WHEN t.typtype = 'b' THEN concat(t.typlen, t.typbyval, t.typalign, t.typstorage, t.typcategory) END,
    'range', (SELECT json_build_object('of', format_type(r.rngsubtype, NULL),
                'class', (SELECT o.opcname FROM pg_opclass o WHERE o.oid = r.rngsubopc),
                'collation', r.rngcollation::regcollation::text, 'canonical', r.rngcanonical::regproc::text,
                ${major >= 14 ? "'multirange', r.rngmultitypid::regtype::text," : ''}
                'difference', r.rngsubdiff::regproc::text) FROM pg_range r WHERE r.rngtypid = t.oid))::text
  FROM pg_type t
  JOIN pg_namespace n ON n.oid = t.typnamespace
  WHERE t.typtype IN ('b', 'd', 'e', 'r', 'p') AND NOT (t.typtype = 'b' AND t.typelem <> 0 AND t.typlen = -1)
    AND ${ofUsers('pg_type', 't')}`;
}

const SEQUENCES = `
  SELECT 'sequence', format('%I.%I', n.nspname, c.relname), json_build_object(
    'type', format_type(s.seqtypid, NULL), 'start', s.seqstart, 'step', s.seqincrement, 'max', s.seqmax,
    'min', s.seqmin, 'cache', s.seqcache, 'cycle', s.seqcycle, 'persistence', c.relpersistence,
    'ownedBy', (SELECT format('%s %s %I', d.deptype, d.refobjid::regclass, a.attname)
                  FROM pg_depend d JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
                 WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.refobjsubid > 0
                   AND d.refclassid = 'pg_class'::regclass AND d.deptype IN ('a', 'i')))::text
  FROM pg_sequence s
  JOIN pg_class c ON c.oid = s.seqrelid
  JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE ${ofUsers('pg_class', 'c')}`;

const FUNCTIONS = `
  SELECT 'function', p.oid::regprocedure::text, pg_get_functiondef(p.oid)
  FROM pg_proc p
  JOIN pg_namespace n ON n.oid = p.pronamespace
  WHERE p.prokind <> 'a' AND ${ofUsers('pg_proc', 'p')}`;

const AGGREGATES = `
  SELECT 'aggregate', p.oid::regprocedure::text, json_build_object(
    'arguments', pg_get_function_arguments(p.oid), 'result', pg_get_function_result(p.oid),
    'parallel', p.proparallel, 'kind', g.aggkind, 'direct', g.aggnumdirectargs,
    'functions', json_build_array(g.aggtransfn::regprocedure::text, g.aggfinalfn::regprocedure::text,
      g.aggcombinefn::regprocedure::text, g.aggserialfn::regprocedure::text, g.aggdeserialfn::regprocedure::text,
      g.aggmtransfn::regprocedure::text, g.aggminvtransfn::regprocedure::text, g.aggmfinalfn::regprocedure::text),
    'modify', json_build_array(g.aggfinalextra, g.aggmfinalextra, g.aggfinalmodify, g.aggmfinalmodify),
    'sort', g.aggsortop::regoperator::text, 'state', format_type(g.aggtranstype, NULL),
    'moving', format_type(NULLIF(g.aggmtranstype, 0), NULL), 'space', json_build_array(g.aggtransspace, g.aggmtransspace),
    'start', json_build_array(g.agginitval, g.aggminitval))::text
  FROM pg_aggregate g
  JOIN pg_proc p ON p.oid = g.aggfnoid
  JOIN pg_namespace n ON n.oid = p.pronamespace
  WHERE ${ofUsers('pg_proc', 'p')}`;

const CASTS = `
  SELECT 'cast', format('%s as %s', format_type(k.castsource, NULL), format_type(k.casttarget, NULL)),
    json_build_object('function', k.castfunc::regprocedure::text, 'context', k.castcontext, 'method', k.castmethod)::text
  FROM pg_cast k
  WHERE ${madeAfterInitdb('pg_cast', 'k')}`;

const OPERATORS = `
  SELECT 'operator', o.oid::regoperator::text, json_build_object(
    'function', o.oprcode::regprocedure::text, 'result', format_type(o.oprresult, NULL),
    'commutator', o.oprcom::regoperator::text, 'negator', o.oprnegate::regoperator::text,
    'merges', o.oprcanmerge, 'hashes', o.oprcanhash,
    'restrict', o.oprrest::regproc::text, 'join', o.oprjoin::regproc::text)::text
  FROM pg_operator o
  JOIN pg_namespace n ON n.oid = o.oprnamespace
  WHERE ${ofUsers('pg_operator', 'o')}`;

const OPERATOR_CLASSES = `
  SELECT 'operator class', format('%I.%I using %I', n.nspname, o.opcname, am.amname), json_build_object(
    'type', format_type(o.opcintype, NULL), 'default', o.opcdefault, 'stored', format_type(NULLIF(o.opckeytype, 0), NULL),
    'family', (SELECT format('%I.%I', fn.nspname, f.opfname) FROM pg_opfamily f
                 JOIN pg_namespace fn ON fn.oid = f.opfnamespace WHERE f.oid = o.opcfamily))::text
  FROM pg_opclass o
  JOIN pg_namespace n ON n.oid = o.opcnamespace
  JOIN pg_am am ON am.oid = o.opcmethod
  WHERE ${ofUsers('pg_opclass', 'o')}`;

const OPERATOR_FAMILIES = `
  SELECT 'operator family', format('%I.%I using %I', n.nspname, f.opfname, am.amname), json_build_object(
    'operators', (SELECT json_agg(format('%s %s %s', o.amopstrategy, o.amopopr::regoperator, o.amoppurpose)
                    ORDER BY o.amopstrategy, o.amopopr::regoperator::text COLLATE "C")
                    FROM pg_amop o WHERE o.amopfamily = f.oid),
    'functions', (SELECT json_agg(format('%s %s %s', p.amprocnum, p.amproc::regprocedure, format_type(p.amproclefttype, NULL))
                    ORDER BY p.amprocnum, p.amproc::regprocedure::text COLLATE "C", format_type(p.amproclefttype, NULL) COLLATE "C")
                    FROM pg_amproc p WHERE p.amprocfamily = f.oid))::text
  FROM pg_opfamily f
  JOIN pg_namespace n ON n.oid = f.opfnamespace
  JOIN pg_am am ON am.oid = f.opfmethod
  WHERE ${ofUsers('pg_opfamily', 'f')}`;

const TRANSFORMS = `
  SELECT 'transform', format('%s %I', format_type(t.trftype, NULL), l.lanname),
    json_build_object('from', t.trffromsql::regprocedure::text, 'to', t.trftosql::regprocedure::text)::text
  FROM pg_transform t
  JOIN pg_language l ON l.oid = t.trflang
  WHERE ${madeAfterInitdb('pg_transform', 't')}`;
