-- The rows of the audit log, chained. A worker seals them a moment after their commit, so that transactions that
-- add to the log do not wait for each other.

-- Rows that are committed and not yet part of the chain.
CREATE TABLE audit_unsealed (
  audit_id bigint PRIMARY KEY
);

CREATE TABLE audit_chain (
  -- Without a gap, from 1 on, in the order of sealing.
  position bigint PRIMARY KEY,
  audit_id bigint NOT NULL UNIQUE,
  -- HMAC over the hash before and the row.
  hash bytea NOT NULL,
  sealed_at timestamptz NOT NULL DEFAULT now()
);

-- Where the chain ends, so that what is cut off its end is missed.
CREATE TABLE audit_head (
  only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  position bigint NOT NULL,
  proof bytea NOT NULL
);

INSERT INTO audit_unsealed (audit_id) SELECT id FROM audit_log;

CREATE FUNCTION note_unsealed_audit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO audit_unsealed (audit_id) VALUES (NEW.id);
  RETURN NULL;
END
$$;
CREATE TRIGGER audit_log_unsealed AFTER INSERT ON audit_log
  FOR EACH ROW EXECUTE FUNCTION note_unsealed_audit();

CREATE FUNCTION refuse_chain_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'audit_chain is append-only' USING ERRCODE = 'insufficient_privilege';
END
$$;
CREATE TRIGGER audit_chain_append_only BEFORE UPDATE OR DELETE ON audit_chain
  FOR EACH ROW EXECUTE FUNCTION refuse_chain_change();
CREATE TRIGGER audit_chain_no_truncate BEFORE TRUNCATE ON audit_chain
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_chain_change();

CREATE INDEX audit_log_action ON audit_log (action, id DESC);
CREATE INDEX audit_log_actor ON audit_log (actor_id, id DESC);
CREATE INDEX audit_log_at ON audit_log (at);
