-- Finds tenants by a part of their name or slug among a hundred thousand. Where the extension is not to be had, or this
-- role may not install it, the search reads all rows.
DO $$
BEGIN
  CREATE EXTENSION IF NOT EXISTS pg_trgm;
  CREATE INDEX tenant_registry_name_part ON tenant_registry USING gin (name gin_trgm_ops);
  CREATE INDEX tenant_registry_slug_part ON tenant_registry USING gin (slug gin_trgm_ops);
EXCEPTION
  WHEN insufficient_privilege OR feature_not_supported OR undefined_file OR undefined_object THEN
    RAISE NOTICE 'pg_trgm is not to be had (%): searching for tenants reads all of them', SQLERRM;
END $$;
CREATE INDEX tenant_registry_name_order ON tenant_registry (name, id);
CREATE INDEX tenant_registry_slug_order ON tenant_registry (slug, id);
