import { constants } from 'node:fs';
import { access, readdir, realpath } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { AppError } from '../errors/app-error.ts';
import { errors } from '../errors/catalogue.ts';
import { DEFAULT_PATH, runTool } from './pg-tools-child.ts';

export type LocalToolsPlace = {
  /** PG_DUMP: this one and no other. */
  readonly pgDump?: string;
  readonly serverBinDir?: string;
  readonly serverMajor: number;
  /** PATH of this process; the usual folders of the system if left out. */
  readonly searchPath?: string;
  /** How long a program may take to say its version. */
  readonly answerMs?: number;
};

const ANSWER_MS = 10_000;

export type FoundTools = { readonly pgDump: string; readonly pgRestore: string; readonly major: number };

type Program = { readonly path: string; readonly version: string; readonly major: number };

/** Throws `pg_dump_missing`, `pg_dump_too_old`, or `pg_dump_failed` where the only one cannot be run. */
export async function findLocalTools(place: LocalToolsPlace): Promise<FoundTools> {
  const folders = await candidateFolders(place);
  const pgDump = await choose(
    place.pgDump === undefined ? programs(folders, 'pg_dump') : [place.pgDump],
    place,
  );
  const beside = [dirname(pgDump.path), ...folders];
  // An archive of a newer pg_dump cannot be read by an older pg_restore.
  const pgRestore = await choose(programs(beside, 'pg_restore'), {
    ...place,
    serverMajor: pgDump.major,
  });
  return { pgDump: pgDump.path, pgRestore: pgRestore.path, major: pgDump.major };
}

type Wanted = Pick<LocalToolsPlace, 'serverMajor' | 'answerMs'>;

async function choose(paths: readonly string[], place: Wanted): Promise<Program> {
  const asked = await Promise.all(paths.map((path) => readVersion(path, place.answerMs ?? ANSWER_MS)));
  const found = asked.filter(isProgram);
  const suitable = found.filter(({ major }) => major >= place.serverMajor);
  const [tooOld] = found;
  // The server's own major before newer ones: nothing is then lost in translation.
  const best = suitable.find(({ major }) => major === place.serverMajor) ?? suitable[0];
  if (best !== undefined) return best;
  if (tooOld !== undefined) throw errors.pgDumpTooOld(tooOld.path, tooOld.version, place.serverMajor);
  throw asked.find((answer) => answer instanceof AppError) ?? errors.pgDumpMissing(place.serverMajor);
}

function isProgram(answer: Program | AppError | undefined): answer is Program {
  return answer !== undefined && !(answer instanceof AppError);
}

/** One that cannot be run, or hangs, keeps nobody from finding another one: its error is a result. */
async function readVersion(path: string, answerMs: number): Promise<Program | AppError | undefined> {
  if (!(await isExecutable(path))) return undefined;
  const signal = AbortSignal.timeout(answerMs);
  try {
    const { stdout } = await runTool({ command: path, args: ['--version'], env: {}, signal });
    return parseVersion(path, stdout);
  } catch (error) {
    if (error instanceof AppError) return error;
    if (!signal.aborted) throw error;
    const why = `"${path} --version" gave no answer in ${answerMs} ms. Run it by hand, or set PG_DUMP to another one.`;
    return errors.pgDumpFailed(why).causedBy(error);
  }
}

/** Reads `pg_dump (PostgreSQL) 15.18 (Debian …)`; undefined for what is no such program. */
export function parseVersion(path: string, text: string): Program | undefined {
  const match = text.match(/\(PostgreSQL\) ((\d+)\S*)/);
  if (match?.[1] === undefined) return undefined;
  return { path, version: match[1], major: Number(match[2]) };
}

async function isExecutable(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function programs(folders: readonly string[], name: string): string[] {
  return [...new Set(folders)].map((folder) => join(folder, name));
}

async function candidateFolders(place: LocalToolsPlace): Promise<string[]> {
  const path = (place.searchPath ?? DEFAULT_PATH).split(':').filter((folder) => folder.startsWith('/'));
  const onPath = await Promise.all(path.map(isWrapped));
  return [
    ...(place.serverBinDir === undefined ? [] : [place.serverBinDir]),
    ...path.filter((_, index) => !onPath[index]),
    ...(await versionFolders('/usr/lib/postgresql', (version) => `${version}/bin`)),
    ...(await versionFolders('/usr/libexec', (name) => (name.startsWith('postgresql') ? name : undefined))),
    ...(await versionFolders('/usr', (name) => (name.startsWith('pgsql-') ? `${name}/bin` : undefined))),
    ...(await homebrewFolders('/opt/homebrew/opt')),
    ...(await homebrewFolders('/usr/local/opt')),
    ...path.filter((_, index) => onPath[index]),
  ];
}

/** Debian's wrapper picks a version by itself and starts an interpreter each time: only as the last resort. */
async function isWrapped(folder: string): Promise<boolean> {
  try {
    return basename(await realpath(join(folder, 'pg_dump'))) === 'pg_wrapper';
  } catch {
    return false;
  }
}

function homebrewFolders(parent: string): Promise<string[]> {
  return versionFolders(parent, (name) => (/^(postgresql|libpq)/.test(name) ? `${name}/bin` : undefined));
}

/** Newest first; nothing where the folder does not exist. */
async function versionFolders(
  parent: string,
  folderOf: (name: string) => string | undefined,
): Promise<string[]> {
  const names = await readdir(parent).catch(() => []);
  return names
    .sort((a, b) => b.localeCompare(a, 'en', { numeric: true }))
    .map(folderOf)
    .filter((folder) => folder !== undefined)
    .map((folder) => join(parent, folder));
}
