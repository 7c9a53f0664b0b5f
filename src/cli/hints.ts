/** What to do about an error of the API, as far as a person at a terminal can do something. */
const hintOfCode: Readonly<Record<string, string>> = {
  invalid_admin_key:
    'TENANT_MANAGER_ADMIN_KEY is no key of this server. It must be its SUPER_ADMIN_KEY, or one of: tenant-cli keys',
  not_authenticated: 'Set TENANT_MANAGER_ADMIN_KEY to the SUPER_ADMIN_KEY of the server.',
  admin_not_configured:
    'Set SUPER_ADMIN_KEY where the server runs and restart it. Make a key with: openssl rand -hex 32',
  registry_not_migrated: 'Run: npm run migrate:global',
  registry_unavailable: 'Is the database of GLOBAL_DATABASE_URL running, and reachable from the server?',
  tenant_not_found: 'See all tenants with: tenant-cli list',
  route_not_found: 'Check TENANT_MANAGER_URL, or update tenant-manager: it does not know this command yet.',
  template_exists: 'See what there is with: tenant-cli templates',
  forbidden: 'The key that was used may not do this. See what keys may do with: tenant-cli keys',
  slug_taken: 'Choose another with --slug, or leave it out to have one made from the name.',
  email_taken: 'Give the password that belongs to this address, or another address.',
  internal_error: 'The log of the server has the cause under this request id.',
  source_database_missing: 'The server’s SOURCE_DATABASE_NAME names a database that does not exist.',
  idempotency_key_reused: 'Use another --idempotency-key.',
};

/** The options under which this program takes what the API calls by another name. */
const optionOfField: Readonly<Record<string, string>> = {
  organization_name: '--name',
  admin_email: '--email',
  admin_password: 'the password',
  admin_name: '--admin-name',
  plan: '--plan',
  slug: '--slug',
  region: '--region',
  reason: '--reason',
  status: '--status',
  q: '--q',
  kind: '--kind',
  tags: '--tags',
  limit: '--limit',
  cursor: '--cursor',
  grace_days: '--grace-days',
  confirm: '--confirm',
  source_database: '--source-database',
  data_tables: '--data-tables',
  key: 'the key',
  name: 'the name',
  host: '--host',
  admin_user: '--user',
  capacity_databases: '--capacity',
  capacity_bytes: '--capacity-bytes',
  since: '--since',
  until: '--until',
  action: '--action',
  actor: '--actor',
};

/** What was asked, and what the API said about it. */
type Refused = {
  code: string | undefined;
  status: number;
  path: string | undefined;
  detail: string | undefined;
};

export function hintsFor(refused: Refused): string[] {
  const { code, status } = refused;
  const hint = code === undefined ? undefined : (hintOfCode[code] ?? hintAbout(refused));
  if (hint !== undefined) return [hint];
  if (status === 401) return ['Check TENANT_MANAGER_ADMIN_KEY.'];
  return status === 503 || status === 429 ? ['Try again shortly.'] : [];
}

/** Hints that name what they are about. */
function hintAbout({ code, path = '', detail = '' }: Refused): string | undefined {
  const key = /^\/api\/admin\/tenants\/([^/]+)/.exec(path)?.[1];
  if (code === 'state_conflict' && key !== undefined) {
    return `See its state with: tenant-cli show ${decodeURIComponent(key)}`;
  }
  const slug = /confirm=([a-z0-9-]+)/.exec(detail)?.[1];
  return code === 'confirmation_required' && slug !== undefined ? `Add: --confirm ${slug}` : undefined;
}

/** The option that a field of the API is given by; the field's own name if there is none. */
export function optionOf(path: string): string {
  const field = path.replace(/^(body|query|querystring|params)[./]/, '').replace(/^\//, '');
  // One of several values of an option.
  return optionOfField[field] ?? optionOfField[field.replace(/\.\d+$/, '')] ?? field;
}
