-- New passwords of a tenant's two roles, written before the server gets them and taken over after it: from the first
-- to the last moment of a rotation the registry holds the password that the server asks for.
ALTER TABLE tenant_registry
  ADD COLUMN pending_application_password text,
  ADD COLUMN pending_migrator_password text,
  ADD COLUMN credentials_pending_since timestamptz,
  ADD COLUMN credentials_rotated_at timestamptz,
  ADD CONSTRAINT tenant_registry_pending_credentials
    CHECK (num_nulls(pending_application_password, pending_migrator_password, credentials_pending_since) IN (0, 3));
CREATE INDEX tenant_registry_pending_credentials ON tenant_registry (credentials_pending_since)
  WHERE credentials_pending_since IS NOT NULL;
