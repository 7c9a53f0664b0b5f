-- The reconciler counts the events of activations, among all that is told.
CREATE INDEX outbox_activations ON outbox ((payload ->> 'tenant_id')) WHERE topic = 'event.tenant.activated';
