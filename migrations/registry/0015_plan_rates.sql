-- How many requests of the members of one tenant are answered per minute, over all processes.
ALTER TABLE plans
  -- NULL means no limit.
  ADD COLUMN requests_per_minute integer CHECK (requests_per_minute > 0);
UPDATE plans SET requests_per_minute = 600 WHERE key = 'free';
UPDATE plans SET requests_per_minute = 6000 WHERE key = 'pro';
