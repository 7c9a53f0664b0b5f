import { readFile } from 'node:fs/promises';
import { sharedPostgres } from '../../support/shared-postgres.ts';
import { describeFidelity } from './fidelity-cases.ts';

/** Before 15 everybody may create in `public` unless somebody says otherwise, and the sample does not. */
const isOpen = sharedPostgres().major < 15;

await describeFidelity({
  name: 'the sample CRM',
  source: async () => ({
    script: [await readFile('samples/crm.sql', 'utf8')],
    settings: ["timezone = 'Europe/Berlin'", 'search_path = public, billing'],
  }),
  differences: isOpen ? ['different: PUBLIC on schema public: USAGE,CREATE / USAGE'] : [],
  notCarried: isOpen ? ['privilege: CREATE on the schema public for PUBLIC'] : [],
  table: { schema: 'public', name: 'companies' },
  insertable: 38,
  inserted: 25,
  values: { currency_code: 'EUR', email_address: 'someone@example.com', country_code: 'DE' },
});
