import { describeFidelity } from './fidelity-cases.ts';
import { thousandTables } from './thousand-tables.ts';

await describeFidelity({
  name: 'a thousand tables',
  source: async () => ({ script: thousandTables() }),
  table: { schema: 'public', name: 'thing_0500' },
  insertable: 1_000,
  inserted: 1_000,
});
