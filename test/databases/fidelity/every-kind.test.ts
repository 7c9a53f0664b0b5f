import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll } from 'vitest';
import { newNamePart } from '../../../src/databases/database-name.ts';
import { runOn } from '../../support/provisioning-bench.ts';
import { sharedPostgres } from '../../support/shared-postgres.ts';
import { describeFidelity } from './fidelity-cases.ts';

const { admin, major } = sharedPostgres();
const staff = `every_kind_staff_${newNamePart()}`;

beforeAll(() => runOn(sharedPostgres(), 'postgres', `CREATE ROLE ${staff} NOLOGIN`));
// Its grants and policies went with the databases.
afterAll(() => runOn(sharedPostgres(), 'postgres', `DROP ROLE ${staff}`));

await describeFidelity({
  name: 'every kind of object',
  source: async () => {
    const script = await readFile(join(import.meta.dirname, '../every-kind.sql'), 'utf8');
    return {
      script: [script.replaceAll('every_kind_staff', staff)],
      dataTables: 'country,public.ledger',
      carried: ['public country', 'public ledger_1', 'public country_number_seq'],
      settings: [
        "timezone = 'Asia/Tokyo'",
        'search_path = public, sales',
        "default_text_search_config = 'public.ours'",
        "app.greeting = 'it''s me'",
      ],
    };
  },
  differences: [
    // The application role changes no schema, whatever PUBLIC may do in the source.
    'different: PUBLIC on schema public: USAGE,CREATE / USAGE',
    'missing: COMMENT - EVENT TRIGGER grab_ddl',
    'missing: EVENT TRIGGER - grab_ddl',
    `missing: USER MAPPING - USER MAPPING ${admin.user} SERVER elsewhere`,
  ],
  ofSuperusers: [
    'event trigger note_ddl',
    // PostgreSQL gives wrappers to nobody else.
    'foreign-data wrapper bare',
    'function public.note_ddl()',
    'publication everything',
    ...(major >= 15 ? ['publication of_sales'] : []),
  ],
  notCarried: [
    `default privileges: ${staff}`,
    'event trigger: grab_ddl',
    'policy: staff_only on public.contact',
    'privilege: CREATE on the schema public for PUBLIC',
    `privilege: ${staff}`,
    `user mapping: elsewhere for ${admin.user}`,
  ],
  table: { schema: 'public', name: 'animal' },
  insertable: 16,
  inserted: 10,
  values: { email: 'someone@example.com' },
  refusals: {
    // The row has come as far as the other server, and as the number that the table gives out itself.
    far_away: /^42704: user mapping not found/,
    won: /^428C9: cannot insert a non-DEFAULT value/,
  },
});
