import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { it } from 'vitest';
import { describeFidelity } from './fidelity-cases.ts';

const pagila = join(import.meta.dirname, '../../../../shared/schemas/pagila.sql');

if (existsSync(pagila)) {
  await describeFidelity({
    name: 'pagila',
    source: async () => ({ script: [await readFile(pagila, 'utf8')] }),
    table: { schema: 'public', name: 'film' },
    insertable: 70,
    // Most are partitions, and a made-up row fits one of them.
    inserted: 15,
    // The application role changes no schema, whatever PUBLIC may do in the source.
    differences: ['different: PUBLIC on schema public: USAGE,CREATE / USAGE'],
    notCarried: ['privilege: CREATE on the schema public for PUBLIC'],
  });
} else {
  console.log(`the tests with pagila are skipped: there is no ${pagila}`);
  it.skip('a tenant of pagila');
}
