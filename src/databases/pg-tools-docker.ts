import { createReadStream } from 'node:fs';
import { homedir } from 'node:os';
import { Readable } from 'node:stream';
import { errors } from '../errors/catalogue.ts';
import { runTool, type ToolOutcome } from './pg-tools-child.ts';
import type { DumpRequest, PgTools, RestoreRequest, ToolLogin } from './pg-tools-contract.ts';
import { parseVersion } from './pg-tools-find.ts';
import { CHILD_ENVIRONMENT, connectionParameters, passwordLine } from './pg-tools-login.ts';
import { judgeRestore, restoreOptions } from './pg-tools-outcome.ts';

type DockerPlace = {
  readonly container: string;
  readonly dockerHost?: string;
  readonly serverMajor: number;
  readonly path: string | undefined;
  readonly answerMs?: number;
};

const DOCKER_ANSWER_MS = 30_000;

type ContainerRun = {
  readonly script: string;
  readonly args: readonly string[];
  readonly stdin?: Readable;
  readonly stdoutFile?: string;
  readonly signal: AbortSignal;
};

/** A folder of the container's that goes with the script; `read` takes no byte more than its line. */
const IN_FOLDER = `set -eu; umask 077; d=$(mktemp -d); trap 'rm -rf "$d"' EXIT; trap 'exit 143' HUP INT TERM
export ${Object.entries(CHILD_ENVIRONMENT)
  .map(([name, value]) => `${name}='${value}'`)
  .join(' ')}
`;
const READ_PASSWORD = `IFS= read -r line; printf '%s\\n' "$line" > "$d/pgpass"; export PGPASSFILE="$d/pgpass"
`;
const DUMP = `${IN_FOLDER}${READ_PASSWORD}pg_dump "$@"`;
const RESTORE = `${IN_FOLDER}${READ_PASSWORD}while IFS= read -r line && [ "$line" != . ]; do printf '%s\\n' "$line"; done > "$d/list"
cat > "$d/archive"
pg_restore --use-list="$d/list" "$@" "$d/archive"`;
const LIST = `${IN_FOLDER}cat > "$d/archive"
pg_restore --list "$@" "$d/archive"`;

/** The tools of a container in which the server itself runs. Its password goes in by standard input only. */
export async function createDockerTools(place: DockerPlace): Promise<PgTools> {
  const run = (request: ContainerRun) => runInContainer(place, request);
  const major = await findMajor(place, run);
  return {
    where: `pg_dump in the container ${place.container}`,
    major,
    dump: async (request) => {
      const outcome = await run(dumpRun(request));
      if (outcome.code !== 0) throw errors.pgDumpFailed(outcome.lastWords);
    },
    list: async (archive, options, signal) => {
      const outcome = await run({ script: LIST, args: options, stdin: createReadStream(archive), signal });
      if (outcome.code !== 0)
        throw errors.pgDumpFailed(`it wrote an incomplete archive (${outcome.lastWords})`);
      return outcome.stdout;
    },
    restore: async (request) =>
      judgeRestore(await run(restoreRun(request, major)), { major }, request.serverMajor),
  };
}

function dumpRun({ login, options, file, signal }: DumpRequest): ContainerRun {
  const stdin = Readable.from([passwordLine(login.password)]);
  const args = [...options, '--no-password', `--dbname=${parameters(login)}`];
  return { script: DUMP, args, stdin, stdoutFile: file, signal };
}

function restoreRun(request: RestoreRequest, toolsMajor: number): ContainerRun {
  const options = restoreOptions(toolsMajor, request.serverMajor);
  const args = [...options, '--no-password', `--dbname=${parameters(request.login)}`];
  return { script: RESTORE, args, stdin: Readable.from(restoreInput(request)), signal: request.signal };
}

async function* restoreInput({ login, entries, archive }: RestoreRequest): AsyncGenerator<string | Buffer> {
  yield passwordLine(login.password);
  yield `${entries.map((entry) => `${entry};\n`).join('')}.\n`;
  yield* createReadStream(archive);
}

/** Seen from inside, the server is on the loopback, on the port that the container's PGPORT says, or 5432. */
function parameters({ user, database }: ToolLogin): string {
  return connectionParameters({ host: '127.0.0.1', user, dbname: database });
}

async function runInContainer(place: DockerPlace, request: ContainerRun): Promise<ToolOutcome> {
  const { script, args, ...rest } = request;
  const env = {
    HOME: homedir(),
    ...(place.path === undefined ? {} : { PATH: place.path }),
    ...(place.dockerHost === undefined ? {} : { DOCKER_HOST: place.dockerHost }),
  };
  const command = ['exec', '-i', place.container, 'sh', '-c', script, 'sh', ...args];
  return runTool({ command: 'docker', args: command, env, ...rest });
}

type RunInContainer = (request: ContainerRun) => Promise<ToolOutcome>;

async function findMajor(place: DockerPlace, run: RunInContainer): Promise<number> {
  const signal = AbortSignal.timeout(place.answerMs ?? DOCKER_ANSWER_MS);
  const outcome = await run({ script: 'pg_dump --version', args: [], signal }).catch((error: unknown) => {
    if (!signal.aborted) throw error;
    const where = place.dockerHost === undefined ? '' : ` at ${place.dockerHost}`;
    const mend = `See that the Docker daemon${where} is reachable and the container is not paused.`;
    throw errors
      .pgDumpFailed(`docker exec ${place.container} gave no answer in time. ${mend}`)
      .causedBy(error);
  });
  const found = parseVersion(`pg_dump in the container ${place.container}`, outcome.stdout);
  if (found === undefined) throw errors.pgDumpFailed(`docker exec ${place.container}: ${outcome.lastWords}`);
  if (found.major < place.serverMajor)
    throw errors.pgDumpTooOld(found.path, found.version, place.serverMajor);
  return found.major;
}
