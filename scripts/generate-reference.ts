import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { referenceFiles } from './reference/reference-files.ts';

/** `npm run docs`: writes what the documentation says of configuration, errors and commands. */
for (const { path, text } of referenceFiles()) {
  const file = join(import.meta.dirname, '..', path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
  console.log(path);
}
