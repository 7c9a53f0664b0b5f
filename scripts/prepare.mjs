// Plain JavaScript on Node's own modules alone: this runs on a fresh clone, before anything is installed.
import { spawn } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

export const projectRoot = fileURLToPath(new URL('..', import.meta.url));

const oldestNode = [20, 19];
const shownLines = 30;
const lockBeatMs = 1_000;
const lockStaleMs = 15_000;

const inProject = (...parts) => join(projectRoot, ...parts);
const lockFile = inProject('dist', '.preparing');
const buildStamp = inProject('dist', '.built');

/** What went wrong in words for the person at the terminal; the stack would not help them. */
class PrepareError extends Error {}

function requireNode() {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const [needMajor, needMinor] = oldestNode;
  if (major > needMajor || (major === needMajor && minor >= needMinor)) return;
  throw new PrepareError(
    `Node ${needMajor}.${needMinor} or newer is needed, this is ${process.versions.node}. ` +
      'Install a current version from https://nodejs.org and try again.',
  );
}

/**
 * Installs and builds what is missing or outdated; two processes that come at once take turns. Development
 * dependencies are asked for only where they are needed, so that an image without them still starts.
 */
export async function prepare({ build = 'if-needed', development = false } = {}) {
  requireNode();
  if (build === 'always') rmSync(buildStamp, { force: true });
  const mustBuild = () => build !== 'never' && !isBuilt();
  const mustInstall = () => !isInstalled({ development: development || mustBuild() });
  if (!mustInstall() && !mustBuild()) return;
  const release = await takeTurn();
  try {
    if (mustInstall()) await installDependencies();
    if (mustBuild()) await buildSources();
  } finally {
    release();
  }
}

/**
 * Whether node_modules holds what package-lock.json asks for. npm writes its own list of what it installed
 * when it is done, so an interrupted installation shows as well. Optional packages may be missing: most are
 * for other platforms.
 */
function isInstalled({ development }) {
  const wanted = readPackages(inProject('package-lock.json'));
  const installed = readPackages(inProject('node_modules', '.package-lock.json'));
  if (!wanted)
    throw new PrepareError('package-lock.json is missing or unreadable: clone the repository anew.');
  if (!installed) return false;
  return Object.entries(wanted).every(([path, entry]) => {
    const mayBeMissing = path === '' || entry.optional || (!development && (entry.dev || entry.devOptional));
    return mayBeMissing || installed[path]?.version === entry.version;
  });
}

function readPackages(file) {
  if (!existsSync(file)) return undefined;
  try {
    return JSON.parse(readFileSync(file, 'utf8')).packages;
  } catch {
    return undefined;
  }
}

async function installDependencies() {
  // The compiler is a development dependency, so NODE_ENV=production must not leave those out.
  const options = ['--include=dev', '--no-audit', '--no-fund', '--prefer-offline', '--loglevel=error'];
  const npm = npmCommand();
  await runStep('Installing dependencies', [...npm, 'ci', ...options], ({ notFound }) =>
    notFound
      ? 'npm was not found. It comes with Node: install both from https://nodejs.org.'
      : 'npm could not install the dependencies (it needs the npm registry, or a filled cache).',
  );
}

/** Under `npm start` npm names itself; that one fits the running Node even when another is first in PATH. */
function npmCommand() {
  const cli = process.env.npm_execpath;
  if (cli && /npm-cli\.c?js$/.test(cli)) return [process.execPath, cli];
  return ['npm'];
}

/** The stamp carries the time when the last good build began. An image may come without the sources. */
function isBuilt() {
  const builtAtMs = statSync(buildStamp, { throwIfNoEntry: false })?.mtimeMs ?? 0;
  if (!existsSync(inProject('src'))) return true;
  const sources = ['tsconfig.json', 'tsconfig.build.json', ...listPaths('src')];
  return sources.every((path) => statSync(inProject(path)).mtimeMs <= builtAtMs);
}

async function buildSources() {
  const startedAt = new Date();
  rmSync(buildStamp, { force: true });
  const tsc = inProject('node_modules', 'typescript', 'bin', 'tsc');
  const project = inProject('tsconfig.build.json');
  await runStep(
    'Building',
    [process.execPath, tsc, '--pretty', 'false', '-p', project],
    () => 'The build failed.',
  );
  writeFileSync(buildStamp, '');
  utimesSync(buildStamp, startedAt, startedAt);
}

/** Files and directories: a directory's time shows that something in it was deleted. */
function listPaths(directory) {
  const below = readdirSync(inProject(directory), { withFileTypes: true }).flatMap((entry) => {
    const path = join(directory, entry.name);
    return entry.isDirectory() ? listPaths(path) : [path];
  });
  return [directory, ...below];
}

/** Runs a command in silence but for one line with its seconds; what it printed is shown if it fails. */
async function runStep(title, command, explain) {
  const started = Date.now();
  process.stderr.write(`${title} … `);
  const result = await runCommand(command);
  if (result.code === 0) {
    process.stderr.write(`${Math.max(1, Math.round((Date.now() - started) / 1_000))} s\n`);
    return;
  }
  process.stderr.write('failed\n');
  const lastLines = result.output.trimEnd().split('\n').slice(-shownLines).join('\n');
  throw new PrepareError(`${explain(result)}\n\n${lastLines}`.trimEnd());
}

function runCommand([program, ...args]) {
  return new Promise((resolve) => {
    let output = '';
    const child = spawn(program, args, { cwd: projectRoot, stdio: ['ignore', 'pipe', 'pipe'] });
    const collect = (chunk) => {
      output += chunk;
    };
    child.stdout.on('data', collect);
    child.stderr.on('data', collect);
    child.on('error', (error) =>
      resolve({ notFound: error.code === 'ENOENT', code: 1, output: error.message }),
    );
    child.on('close', (code) => resolve({ notFound: false, code: code ?? 1, output }));
  });
}

/**
 * Waits until no other process installs or builds here. The holder touches the lock file every second, so one
 * left behind by a killed process is recognised whatever became of its process id.
 */
async function takeTurn() {
  mkdirSync(inProject('dist'), { recursive: true });
  let told = false;
  while (!createLock()) {
    if (!told) process.stderr.write('Another process is installing or building here: waiting for it.\n');
    told = true;
    await sleep(lockBeatMs / 4);
    if (lockAgeMs() > lockStaleMs) rmSync(lockFile, { force: true });
  }
  const beat = setInterval(
    () => existsSync(lockFile) && utimesSync(lockFile, new Date(), new Date()),
    lockBeatMs,
  );
  return () => {
    clearInterval(beat);
    rmSync(lockFile, { force: true });
  };
}

function createLock() {
  try {
    writeFileSync(lockFile, String(process.pid), { flag: 'wx' });
    return true;
  } catch (error) {
    if (error.code === 'EEXIST') return false;
    throw error;
  }
}

function lockAgeMs() {
  return Date.now() - (statSync(lockFile, { throwIfNoEntry: false })?.mtimeMs ?? Date.now());
}

/** Runs a script's main function; a PrepareError is told in words, with exit code 1. */
export async function runScript(main) {
  try {
    await main();
  } catch (error) {
    if (!(error instanceof PrepareError)) throw error;
    console.error(error.message);
    process.exitCode = 1;
  }
}
