import { execFile } from 'node:child_process';
import { chmod, cp, lstat, mkdir, mkdtemp, readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join, relative } from 'node:path';
import { promisify } from 'node:util';
import { type Dockerfile, type Instruction, readIgnore, type Stage } from './dockerfile.ts';

const run = promisify(execFile);

/** Needs a distribution's packages, or writes beside /app: not done here. */
const notHere = /^(apk add --no-cache \S+|ln -s \/app\/\S+ \/usr\/local\/bin\/\S+)$/;
const buildsHere = /^(npm|node) [a-z0-9:=./ -]+$/;

export type BuiltImage = {
  /** Where the image's root lies here. */
  root: string;
  workdir: string;
  env: Record<string, string>;
  user: string;
  /** RUN instructions that were not done. */
  notDone: string[];
};

type Building = {
  context: string;
  ignore: string;
  folder: string;
  done: Map<string, BuiltImage>;
};

/**
 * Goes through the stages as a builder does, each in a folder of its own: what is copied comes from the context as
 * far as .dockerignore lets it, and the commands of npm and node are run.
 */
export async function buildImage(
  dockerfile: Dockerfile,
  { context, ignore }: Pick<Building, 'context' | 'ignore'>,
): Promise<BuiltImage & { folder: string }> {
  const folder = await mkdtemp(join(tmpdir(), 'tenant-manager-image-'));
  await chmod(folder, 0o755);
  const building: Building = { context, ignore, folder, done: new Map() };
  let last: BuiltImage | undefined;
  for (const [at, stage] of dockerfile.stages.entries()) {
    last = await buildStage(building, stage, String(at));
    building.done.set(stage.alias ?? String(at), last);
  }
  if (last === undefined) throw new Error('The Dockerfile has no stage.');
  return { ...last, folder };
}

async function buildStage(building: Building, stage: Stage, name: string): Promise<BuiltImage> {
  const image: BuiltImage = {
    root: join(building.folder, name),
    workdir: '/',
    env: {},
    user: 'root',
    notDone: [],
  };
  await mkdir(image.root, { mode: 0o755 });
  for (const instruction of stage.instructions) await obey(building, image, instruction);
  return image;
}

async function obey(building: Building, image: BuiltImage, { name, text }: Instruction): Promise<void> {
  if (name === 'WORKDIR') {
    image.workdir = text;
    await mkdir(join(image.root, text), { recursive: true });
  }
  if (name === 'USER') image.user = text;
  if (name === 'ENV') {
    for (const [, key = '', value = ''] of text.matchAll(/(\w+)=(\S+)/g)) image.env[key] = value;
  }
  if (name === 'COPY') await copy(building, image, text);
  if (name === 'RUN') await runHere(image, text);
}

async function runHere(image: BuiltImage, text: string): Promise<void> {
  if (notHere.test(text.replace(/\$\{\w+\}/g, 'x'))) {
    image.notDone.push(text);
    return;
  }
  if (!buildsHere.test(text)) throw new Error(`RUN ${text} cannot be tried here.`);
  const [program = '', ...args] = text.split(/ +/);
  const env = { ...process.env, ...image.env };
  await run(program, args, { cwd: join(image.root, image.workdir), env, maxBuffer: 16_777_216 });
}

async function copy(building: Building, image: BuiltImage, text: string): Promise<void> {
  const words = text.split(/ +/);
  const from = words[0]?.startsWith('--from=') ? words.shift()?.slice('--from='.length) : undefined;
  const to = words.pop() ?? '';
  const isFolder = to.endsWith('/') || words.length > 1;
  for (const source of words) {
    const target = join(image.root, image.workdir, to, isFolder ? basename(source) : '');
    if (from === undefined) await copyFromContext(building, source, target);
    else await copyTree(join(stageOf(building, from).root, source), target);
  }
}

function stageOf({ done }: Building, name: string): BuiltImage {
  const stage = done.get(name);
  if (stage === undefined) throw new Error(`There is no stage ${name} before this one.`);
  return stage;
}

async function copyFromContext({ context, ignore }: Building, source: string, target: string): Promise<void> {
  const isSeen = readIgnore(ignore);
  if (!isSeen(source)) throw new Error(`.dockerignore hides ${source}, which is copied.`);
  await copyTree(join(context, source), target, (path) => isSeen(relative(context, path)));
}

function copyTree(source: string, target: string, filter: (path: string) => boolean = () => true) {
  return cp(source, target, { recursive: true, filter, verbatimSymlinks: true });
}

/** Nobody may write in it any more, and everybody may read. @returns how many entries there are */
export async function makeReadOnly(path: string): Promise<number> {
  const entry = await lstat(path);
  if (entry.isSymbolicLink()) return 1;
  let count = 1;
  if (entry.isDirectory()) {
    for (const name of await readdir(path)) count += await makeReadOnly(join(path, name));
  }
  await chmod(path, entry.isDirectory() || (entry.mode & 0o100) !== 0 ? 0o555 : 0o444);
  return count;
}
