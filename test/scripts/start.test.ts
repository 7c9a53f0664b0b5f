import { spawn } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';

const root = join(import.meta.dirname, '..', '..');
let project: string;

/** A clone in small: the real scripts and compiler, two packages to install, and an npm that counts its calls. */
beforeEach(() => {
  project = mkdtempSync(join(tmpdir(), 'tenant-manager-start-'));
  for (const folder of ['src/main', 'npm']) mkdirSync(join(project, folder), { recursive: true });
  for (const path of ['scripts', 'bin', 'tsconfig.json', 'tsconfig.build.json']) {
    cpSync(join(root, path), join(project, path), { recursive: true });
  }
  write('package.json', JSON.stringify({ type: 'module' }));
  writeLock('1.0.0');
  write('src/main/all.ts', "console.log('all', ...process.argv.slice(2));\n");
  write('src/main/cli.ts', "console.log('cli', ...process.argv.slice(2));\nprocess.exitCode = 3;\n");
  writeNpm(`
    rmSync('node_modules', { recursive: true, force: true });
    mkdirSync('node_modules');
    for (const name of ['typescript', '@types']) symlinkSync(${JSON.stringify(join(root, 'node_modules'))} + '/' + name, 'node_modules/' + name);
    copyFileSync('npm/installed.json', 'node_modules/.package-lock.json');`);
});

afterEach(() => rmSync(project, { recursive: true, force: true }));

function write(path: string, text: string): void {
  writeFileSync(join(project, path), text);
}

function writeLock(version: string): void {
  const packages = {
    '': {},
    'node_modules/typescript': { version, dev: true },
    'node_modules/kept': { version: '1.0.0' },
    'node_modules/other-platform': { version: '1.0.0', optional: true },
  };
  const installed = Object.fromEntries(
    Object.entries(packages).filter(([path]) => !path.endsWith('platform')),
  );
  write('package-lock.json', JSON.stringify({ packages }));
  write('npm/installed.json', JSON.stringify({ packages: installed }));
}

function writeNpm(body: string): void {
  const imports = "import { appendFileSync, copyFileSync, mkdirSync, rmSync, symlinkSync } from 'node:fs';";
  write('npm/npm-cli.js', `${imports}\nappendFileSync('npm/calls', process.argv[2] + '\\n');\n${body}\n`);
}

function npmCalls(): string[] {
  return readFileSync(join(project, 'npm', 'calls'), 'utf8')
    .trim()
    .split('\n');
}

function run(script: string, ...args: string[]) {
  const env = { ...process.env, npm_execpath: join(project, 'npm', 'npm-cli.js') };
  const child = spawn(process.execPath, [join(project, script), ...args], { cwd: tmpdir(), env });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk) => {
    stdout += chunk;
  });
  child.stderr.on('data', (chunk) => {
    stderr += chunk;
  });
  return new Promise<{ code: number | null; stdout: string; stderr: string }>((resolve) => {
    child.on('close', (code) => resolve({ code, stdout, stderr }));
  });
}

test('a fresh clone is installed, built and started with the arguments given', async () => {
  const { code, stdout, stderr } = await run('scripts/start.mjs', '--port', '4000');
  expect(stderr).toMatch(/^Installing dependencies … \d+ s\nBuilding … \d+ s\n$/);
  expect({ code, stdout }).toEqual({ code: 0, stdout: 'all --port 4000\n' });
});

test('the second start does neither', async () => {
  await run('scripts/start.mjs');
  expect(await run('scripts/start.mjs')).toEqual({ code: 0, stdout: 'all\n', stderr: '' });
});

test('a changed source is built, a deleted one too', async () => {
  write('src/main/extra.ts', 'export const extra = 1;\n');
  await run('scripts/start.mjs');
  write('src/main/all.ts', "console.log('changed');\n");
  const changed = await run('scripts/start.mjs');
  expect(changed.stdout).toBe('changed\n');
  expect(changed.stderr).toMatch(/^Building … \d+ s\n$/);
  rmSync(join(project, 'src/main/extra.ts'));
  expect((await run('scripts/start.mjs')).stderr).toMatch(/^Building … \d+ s\n$/);
});

test('another version in the lock file is installed', async () => {
  await run('scripts/start.mjs');
  writeLock('2.0.0');
  // Built before, so the compiler of another version is not needed: only what runs counts.
  expect((await run('scripts/start.mjs')).stderr).toBe('');
  write('src/main/all.ts', "console.log('changed');\n");
  expect((await run('scripts/start.mjs')).stderr).toMatch(
    /^Installing dependencies … \d+ s\nBuilding … \d+ s\n$/,
  );
});

test('two starts at once install once, and both start', async () => {
  const [first, second] = await Promise.all([run('scripts/start.mjs', 'a'), run('scripts/start.mjs', 'b')]);
  expect([first.stdout, second.stdout]).toEqual(['all a\n', 'all b\n']);
  expect(npmCalls()).toEqual(['ci']);
});

test('a lock left behind by a killed process is taken over', async () => {
  mkdirSync(join(project, 'dist'));
  write('dist/.preparing', '1');
  const minuteAgo = new Date(Date.now() - 60_000);
  utimesSync(join(project, 'dist/.preparing'), minuteAgo, minuteAgo);
  expect((await run('scripts/start.mjs')).stdout).toBe('all\n');
});

test('an installation that fails says why and starts nothing', async () => {
  writeNpm("console.error('npm error code ENOTCACHED'); process.exit(1);");
  const { code, stdout, stderr } = await run('scripts/start.mjs');
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  expect(stderr).toContain('npm could not install the dependencies');
  expect(stderr).toContain('npm error code ENOTCACHED');
  expect(stderr).not.toContain('at ');
});

test('a build that fails starts nothing, the next time neither', async () => {
  write('src/main/all.ts', "const port: number = 'x';\nconsole.log(port);\n");
  for (const attempt of [1, 2]) {
    const { code, stdout, stderr } = await run('scripts/start.mjs');
    expect({ attempt, code, stdout }).toEqual({ attempt, code: 1, stdout: '' });
    expect(stderr).toContain('src/main/all.ts(1,7): error TS2322');
  }
});

test('the command line prepares too and keeps stdout and the exit code its own', async () => {
  const { code, stdout } = await run('bin/tenant-cli.js', 'list', '--json');
  expect({ code, stdout }).toEqual({ code: 3, stdout: 'cli list --json\n' });
});

test('an image without sources and development packages is taken as it is', async () => {
  await run('scripts/start.mjs');
  rmSync(join(project, 'src'), { recursive: true });
  const packages = { 'node_modules/kept': { version: '1.0.0' } };
  write('node_modules/.package-lock.json', JSON.stringify({ packages }));
  expect(await run('bin/tenant-cli.js')).toEqual({ code: 3, stdout: 'cli\n', stderr: '' });
});
