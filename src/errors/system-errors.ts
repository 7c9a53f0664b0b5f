import { defineError } from './define-error.ts';

/** What is wrong with the installation. Details are for operators: logs, health, admin API, CLI. */
export const systemErrors = {
  internal: defineError(
    ['internal_error', 500, 'Internal error'],
    () => 'Something went wrong. The request id finds it in the log.',
    { retry: 'soon' },
  ),
  adminNotConfigured: defineError(
    ['admin_not_configured', 503, 'Admin API not configured'],
    () => 'Set SUPER_ADMIN_KEY to use the admin API.',
    { retryAfterSeconds: 300 },
  ),
  registryUnavailable: defineError(
    ['registry_unavailable', 503, 'Registry unavailable'],
    () => 'The registry database cannot be reached.',
  ),
  registryMissing: defineError(
    ['registry_database_missing', 503, 'Registry database missing'],
    (database: string) =>
      `The registry database "${database}" does not exist. Create it (createdb ${database}), or correct GLOBAL_DATABASE_URL.`,
    { retryAfterSeconds: 30 },
  ),
  registryLoginRefused: defineError(
    ['registry_login_refused', 503, 'Registry login refused'],
    (why: string) => `The registry database refuses the login of GLOBAL_DATABASE_URL: ${why}`,
    { retryAfterSeconds: 30 },
  ),
  poolerInBetween: defineError(
    ['pooler_in_between', 500, 'Pooler in between'],
    (variable: string, why: string) =>
      `What answers at ${variable} is a connection pooler, not PostgreSQL itself: ${why}. Session locks and messages would be lost there. Give the address of PostgreSQL itself; the platform pools by itself.`,
  ),
  registryNotMigrated: defineError(
    ['registry_not_migrated', 503, 'Registry not migrated'],
    (pending: number) => `The registry lacks ${pending} migration(s). Run: npm run migrate:global`,
    { retryAfterSeconds: 30 },
  ),
  queueUnavailable: defineError(
    ['queue_unavailable', 503, 'Queue unavailable'],
    () => 'The queue does not answer.',
  ),
  registrationsFull: defineError(
    ['registrations_full', 503, 'Too many registrations waiting'],
    () => 'Too many organizations wait for their database. Try again shortly.',
    { retryAfterSeconds: 15 },
  ),
  overloaded: defineError(
    ['overloaded', 503, 'Overloaded'],
    () => 'Too many logins at once. Try again shortly.',
    { retryAfterSeconds: 5 },
  ),
  starting: defineError(['starting', 503, 'Starting'], () => 'This process is not serving yet.'),
  shuttingDown: defineError(['shutting_down', 503, 'Shutting down'], () => 'This process is about to end.'),
  wrongEncryptionKey: defineError(
    ['wrong_encryption_key', 500, 'Wrong encryption key'],
    (variable: string) =>
      `${variable} is not the key that this registry was set up with. Restore the former key.`,
  ),
  sealBroken: defineError(
    ['seal_broken', 500, 'Sealed value unreadable'],
    (column: string) =>
      `The sealed value in ${column} cannot be opened: wrong key, or it was altered or moved.`,
  ),
  serverUnreachable: defineError(
    ['database_server_unreachable', 503, 'Database server unreachable'],
    (server: string, why: string) => `The database server ${server} cannot be reached: ${why}`,
  ),
  serverFull: defineError(
    ['database_server_full', 503, 'Database server full'],
    (server: string, what: string) => `The database server ${server} has no room left: ${what}`,
    { retryAfterSeconds: 30 },
  ),
  serverBusy: defineError(
    ['database_server_busy', 503, 'Database server busy'],
    (why: string) => `The database server is busy: ${why}`,
  ),
  adminLoginRefused: defineError(
    ['admin_login_refused', 500, 'Admin login refused'],
    (user: string, server: string, why: string) =>
      `The database server ${server} refuses the login of "${user}": ${why}. Check POSTGRES_ADMIN_USER and POSTGRES_ADMIN_PASSWORD.`,
    { retry: 'later' },
  ),
  adminLacksRights: defineError(
    ['admin_lacks_rights', 500, 'Rights missing'],
    (user: string, right: string, mend: string) =>
      `The role "${user}" may not ${right}. Mend it with: ${mend}`,
  ),
  sourceMissing: defineError(
    ['source_database_missing', 500, 'Source database missing'],
    (name: string, server: string) =>
      `The source database "${name}" does not exist on ${server}. Create it, or set SOURCE_DATABASE_NAME to the database whose schema new tenants get.`,
    { retry: 'later' },
  ),
  sourceEmpty: defineError(
    ['source_database_empty', 500, 'Source database empty'],
    (name: string) =>
      `The source database "${name}" has no tables. Load your schema into it, or set SOURCE_DATABASE_NAME to another database.`,
    { retry: 'later' },
  ),
  sourceChanging: defineError(
    ['source_database_changing', 503, 'Source database changing'],
    (name: string) => `The schema of "${name}" changed while it was dumped.`,
  ),
  pgDumpMissing: defineError(
    ['pg_dump_missing', 500, 'pg_dump missing'],
    (major: number) =>
      `pg_dump was not found. Install it (Debian and Ubuntu: apt-get install postgresql-client-${major}; Alpine: apk add postgresql${major}-client; macOS: brew install postgresql@${major}), or set PG_DUMP to its path.`,
    { retry: 'later' },
  ),
  pgDumpTooOld: defineError(
    ['pg_dump_too_old', 500, 'pg_dump too old'],
    (path: string, found: string, major: number) =>
      `${path} is version ${found}, the server is ${major}: pg_dump must be of the same major version or newer. Install postgresql-client-${major}, or set PG_DUMP.`,
    { retry: 'later' },
  ),
  pgDumpFailed: defineError(
    ['pg_dump_failed', 500, 'pg_dump failed'],
    (why: string) => `pg_dump failed: ${why}`,
    {
      retry: 'later',
    },
  ),
  restoreFailed: defineError(
    ['template_restore_failed', 500, 'Template restore failed'],
    (why: string) => `The dump of the source could not be restored into the template: ${why}`,
    { retry: 'later' },
  ),
  templateLost: defineError(
    ['template_lost', 503, 'Template lost'],
    (database: string, why: string) =>
      `The template "${database}" cannot be cloned: ${why}. A new one is built from the source by itself.`,
  ),
  verificationFailed: defineError(
    ['verification_failed', 500, 'Verification failed'],
    (why: string) => `The tenant's database is not as it must be: ${why}`,
  ),
  roleInUse: defineError(
    ['role_in_use', 500, 'Role in use'],
    (why: string) =>
      `A role cannot be dropped: ${why}. Give each of these to another role (ALTER … OWNER TO, REVOKE), or drop it, in the database that it says.`,
  ),
  collationChanged: defineError(
    ['collation_changed', 500, 'Collation changed'],
    (database: string, server: string) =>
      `The operating system of ${server} sorts text in another way than when the database "${database}" was made, so that it cannot be cloned. Rebuild its indexes, then run: ALTER DATABASE "${database}" REFRESH COLLATION VERSION;`,
    { retry: 'later' },
  ),
  deadlineExceeded: defineError(
    ['deadline_exceeded', 503, 'Deadline exceeded'],
    (what: string, limitMs: number) => `${what} took longer than ${limitMs} ms.`,
  ),
  runCancelled: defineError(['cancelled', 409, 'Cancelled'], () => 'An operator has cancelled this.'),
  capacityExhausted: defineError(
    ['capacity_exhausted', 507, 'Capacity exhausted'],
    (what: string) => `There is no room for another database: ${what}. It goes on by itself once there is.`,
    { retry: 'later' },
  ),
  seedFailed: defineError(
    ['seed_failed', 500, 'Seed failed'],
    (where: string, why: string) =>
      `TENANT_SEED_SQL failed at ${where}: ${why}. Mend the file, restart the workers, and retry the tenant.`,
  ),
  seedUncertain: defineError(
    ['seed_uncertain', 503, 'Seed uncertain'],
    (why: string) =>
      `Whether TENANT_SEED_SQL was committed cannot be told (${why}), so that the database was thrown away. It is made anew by itself.`,
  ),
  taskAbandoned: defineError(
    ['task_abandoned', 500, 'Task abandoned'],
    (attempts: number) =>
      `${attempts} workers ended while they were at it, and none said why. Look into their logs around that time for what ended them (memory, most often), then retry the job.`,
  ),
  fenced: defineError(['fenced', 409, 'Fenced off'], () => 'Another process has taken this run over.'),
  configurationInvalid: defineError(
    ['configuration_invalid', 500, 'Configuration invalid'],
    (report: string) => report,
  ),
  embeddedFailed: defineError(
    ['embedded_postgres_failed', 500, 'Embedded PostgreSQL failed'],
    (why: string) => why,
  ),
  portTaken: defineError(
    ['port_taken', 500, 'Port taken'],
    (port: number, variable: string) =>
      `Port ${port} is in use by another program. Stop it, or set ${variable} to a free port.`,
  ),
} as const;
