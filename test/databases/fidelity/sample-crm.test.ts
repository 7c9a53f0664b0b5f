import { readFile } from 'node:fs/promises';
import { describeFidelity } from './fidelity-cases.ts';

await describeFidelity({
  name: 'the sample CRM',
  source: async () => ({
    script: [await readFile('samples/crm.sql', 'utf8')],
    settings: ["timezone = 'Europe/Berlin'", 'search_path = public, billing'],
  }),
  table: { schema: 'public', name: 'companies' },
  insertable: 38,
  inserted: 25,
  values: { currency_code: 'EUR', email_address: 'someone@example.com', country_code: 'DE' },
});
