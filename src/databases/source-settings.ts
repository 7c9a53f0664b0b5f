import type pg from 'pg';
import { type DatabaseSetting, settingsQuery } from './database-settings.ts';
import type { NotCarried } from './source-leftovers.ts';

export type SourceSettings = {
  readonly carried: readonly DatabaseSetting[];
  /** Without the values: they may be secrets. */
  readonly leftOut: readonly NotCarried[];
};

/** What the source says of its sessions by ALTER DATABASE … SET, parted into what tenants get and what not. */
export async function readSourceSettings(client: pg.Client): Promise<SourceSettings> {
  const { rows } = await client.query<FoundSetting>(SETTINGS);
  const judged = rows.map((setting) => ({ setting, why: obstacleOf(setting) }));
  return {
    carried: judged
      .filter(({ why }) => why === undefined)
      .map(({ setting: { name, value } }) => ({ name, value })),
    leftOut: judged.flatMap(({ setting: { name }, why }) =>
      why === undefined ? [] : [{ kind: 'database setting', name, why }],
    ),
  };
}

type FoundSetting = DatabaseSetting & {
  /** Who may set it; null for one that PostgreSQL itself does not know or does not list. */
  context: string | null;
  isOfLibrary: boolean;
  mayBeMadeUp: boolean;
};

/** Of pg_trgm everybody may set everything; of other libraries nobody knows it before they are loaded. */
const SETTINGS = `
  SELECT s.name, s.value, p.context,
         split_part(lower(s.name), '.', 1) IN (
           SELECT x.name FROM pg_available_extensions x WHERE x.name <> 'pg_trgm'
           UNION ALL VALUES ('auto_explain'), ('auth_delay'), ('basic_archive'), ('sepgsql')) AS "isOfLibrary",
         (SELECT r.rolsuper FROM pg_roles r WHERE r.rolname = current_user) AS "mayBeMadeUp"
    FROM (${settingsQuery('d.datname = current_database()')}) s
    LEFT JOIN pg_settings p ON lower(p.name) = lower(s.name)
   ORDER BY s.name COLLATE "C"`;

type Rule = { readonly names: RegExp; readonly why: string };

/** Settings that every role may change and that a tenant's database must not begin with. */
const HARMFUL: readonly Rule[] = [
  { names: /^local_preload_libraries$/, why: 'it loads code into every session' },
  { names: /^default_transaction_read_only$/, why: 'nobody could write to the tenant’s database' },
  {
    names: /^((statement|lock|transaction)_timeout|idle_.*_timeout)$/,
    why: 'how long the sessions of tenants may take is the platform’s to say',
  },
  {
    names: /^(tcp_.*|application_name|client_encoding|client_connection_check_interval)$/,
    why: 'the platform makes the connections to tenants, and says this for each of them',
  },
  { names: /^synchronous_commit$/, why: 'a crash could take rows that a tenant was told are stored' },
  { names: /^(default_tablespace|temp_tablespaces)$/, why: 'templates and tenants use no tablespaces' },
  { names: /^password_encryption$/, why: 'it could weaken the passwords of tenants’ roles' },
  { names: /^row_security$/, why: 'queries that row security filters would fail' },
  {
    names: /^(standard_conforming_strings|backslash_quote|quote_all_identifiers)$/,
    why: 'it changes how statements are read and names are written, on which the platform relies',
  },
  { names: /^(log|debug|trace|transaction)_|^(seed|exit_on_error)$/, why: 'it is for one session' },
  {
    names: /\..*(secret|passw|token|credential|(^|[._])key)/,
    why: 'every login of the server can read the settings of databases, and its name speaks of a secret',
  },
];

function obstacleOf({ name, context, isOfLibrary, mayBeMadeUp }: FoundSetting): string | undefined {
  const isListed = context !== null;
  const isMadeUp = !isListed && name.includes('.');
  if (isListed && context !== 'user') return 'only superusers or the server’s configuration may set it';
  if (!isListed && !isMadeUp) return 'it is not an ordinary setting of the server';
  if (isMadeUp && isOfLibrary) return 'it is an extension’s, which may leave it to superusers';
  if (isMadeUp && !mayBeMadeUp) return 'the server lets only a superuser make it up';
  return HARMFUL.find(({ names }) => names.test(name.toLowerCase()))?.why;
}
