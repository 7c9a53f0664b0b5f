import { createCli } from '../../src/cli/create-cli.ts';
import { tenant } from './admin-stand-in.ts';

/** tenant-cli in a process of its own, with more tenants than a pipe holds. */
const data = Array.from({ length: 20_000 }, (_, index) => tenant(`tenant-${index}`));
const run = createCli({
  version: '1.2.3',
  request: async () => ({ status: 200, body: { success: true, data, page: { next_cursor: 'more' } } }),
  createSuperAdmin: undefined,
  io: { stdin: process.stdin, stdout: process.stdout, stderr: process.stderr, noColor: false },
});
process.exitCode = await run(process.argv.slice(2));
