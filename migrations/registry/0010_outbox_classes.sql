-- The relay looks every second, for what it can deliver: the rows of one class, the word before the first dot.
-- Events wait, in any number, for those who subscribe, and must not be passed over one by one.
DROP INDEX outbox_due;
CREATE INDEX outbox_due ON outbox (split_part(topic, '.', 1), id) WHERE delivered_at IS NULL;
CREATE INDEX outbox_delivered ON outbox (delivered_at) WHERE delivered_at IS NOT NULL;
