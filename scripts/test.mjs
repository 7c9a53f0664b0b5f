import { spawn } from 'node:child_process';
import { prepare, projectRoot, runScript } from './prepare.mjs';

let reported = false;

try {
  await runScript(async () => {
    // The rest is TypeScript and needs what this installs.
    await prepare({ build: 'never', development: true });
    process.exitCode = await runTests(process.argv.slice(2));
    reported = true;
  });
} finally {
  if (!reported) console.log('0 passed, 1 failed');
}

function runTests(args) {
  return new Promise((resolve, reject) => {
    const script = ['--import', 'tsx', 'scripts/run-tests.ts'];
    const child = spawn(process.execPath, [...script, ...args], { cwd: projectRoot, stdio: 'inherit' });
    process.on('SIGTERM', () => child.kill('SIGTERM'));
    child.on('error', reject);
    child.on('exit', (code) => resolve(code ?? 1));
  });
}
