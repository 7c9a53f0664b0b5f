#!/usr/bin/env node
import { prepare, runScript } from '../scripts/prepare.mjs';

await runScript(async () => {
  await prepare();
  await import('../dist/src/main/cli.js');
});
