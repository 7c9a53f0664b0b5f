import { prepare, runScript } from './prepare.mjs';

await runScript(async () => {
  await prepare();
  // The process tells from here how many seconds passed until the first tenant was ready.
  process.env.TENANT_MANAGER_BUILD_ENDED_AT = String(Date.now());
  await import('../dist/src/main/all.js');
});
