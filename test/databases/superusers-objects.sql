-- Objects outside of extensions that belong to a superuser; what hangs on another object counts with it.
  SELECT concat_ws(' ', i.type, i.identity) AS object
    FROM (SELECT 'pg_class'::regclass AS catalog, oid, relowner FROM pg_class WHERE relkind <> 't'
          UNION ALL SELECT 'pg_proc'::regclass, oid, proowner FROM pg_proc
          UNION ALL SELECT 'pg_type'::regclass, oid, typowner FROM pg_type
          UNION ALL SELECT 'pg_namespace'::regclass, oid, nspowner FROM pg_namespace
          UNION ALL SELECT 'pg_operator'::regclass, oid, oprowner FROM pg_operator
          UNION ALL SELECT 'pg_opclass'::regclass, oid, opcowner FROM pg_opclass
          UNION ALL SELECT 'pg_opfamily'::regclass, oid, opfowner FROM pg_opfamily
          UNION ALL SELECT 'pg_collation'::regclass, oid, collowner FROM pg_collation
          UNION ALL SELECT 'pg_ts_config'::regclass, oid, cfgowner FROM pg_ts_config
          UNION ALL SELECT 'pg_ts_dict'::regclass, oid, dictowner FROM pg_ts_dict
          UNION ALL SELECT 'pg_statistic_ext'::regclass, oid, stxowner FROM pg_statistic_ext
          UNION ALL SELECT 'pg_foreign_server'::regclass, oid, srvowner FROM pg_foreign_server
          UNION ALL SELECT 'pg_publication'::regclass, oid, pubowner FROM pg_publication
          UNION ALL SELECT 'pg_conversion'::regclass, oid, conowner FROM pg_conversion
          UNION ALL SELECT 'pg_language'::regclass, oid, lanowner FROM pg_language
          UNION ALL SELECT 'pg_foreign_data_wrapper'::regclass, oid, fdwowner FROM pg_foreign_data_wrapper
          UNION ALL SELECT 'pg_event_trigger'::regclass, oid, evtowner FROM pg_event_trigger) o(catalog, oid, owner)
    JOIN pg_roles r ON r.oid = o.owner AND r.rolsuper,
         pg_identify_object(o.catalog, o.oid, 0) i
   WHERE o.oid >= 16384
     AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = o.catalog AND d.objid = o.oid AND d.deptype IN ('e', 'i'))
     AND NOT EXISTS (SELECT FROM pg_index x JOIN pg_depend d ON d.objid = x.indrelid AND d.deptype = 'e' WHERE x.indexrelid = o.oid)
   ORDER BY 1
