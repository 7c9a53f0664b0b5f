-- Deletions that are taken back to what was before, runs that need an operator, and room on servers.

-- What a deleted tenant was: undelete brings exactly that back.
ALTER TABLE tenant_registry ADD COLUMN status_before_deletion tenant_status;
ALTER TABLE tenant_registry ADD COLUMN reason_before_deletion text;
UPDATE tenant_registry
   SET status_before_deletion = CASE
         WHEN database_name IS NULL OR activated_at IS NULL THEN 'failed'
         WHEN suspended_at IS NOT NULL THEN 'suspended'
         ELSE 'active'
       END::tenant_status
 WHERE status = 'deleting';

CREATE INDEX provisioning_runs_attention ON provisioning_runs (tenant_id) WHERE needs_attention;

-- NULL: not limited. Compared with the sum of the sizes of the tenants' databases that are known.
ALTER TABLE database_servers ADD COLUMN capacity_bytes bigint CHECK (capacity_bytes > 0);

-- Who takes a place on a server: also who was placed and has no database yet, but no tombstone.
CREATE INDEX tenant_registry_placed ON tenant_registry (server_id) WHERE server_id IS NOT NULL AND status <> 'deleted';
