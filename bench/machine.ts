import { mkdtemp, open, rm, writeFile } from 'node:fs/promises';
import { cpus, loadavg, release, tmpdir, totalmem, type } from 'node:os';
import { join } from 'node:path';
import { median } from './statistics.ts';
import { timed } from './take-turns.ts';

/** What the figures depend on. */
export type Machine = {
  processor: string;
  cores: number;
  memoryGiB: number;
  system: string;
  node: string;
  postgres: string;
  /** Writing 8 KiB and having it on the disk, which is the floor of a durable commit. */
  fsyncMs: number;
  /** Making the files of a small database, which is the most of a clone; file systems differ by ten times. */
  filesMs: number;
  /** How many others wanted a core in the minute before; more than there are cores spoils every absolute time. */
  loadBefore: number;
};

const fsyncTries = 50;
const filesOfADatabase = 500;

export async function describeMachine(postgres: string): Promise<Machine> {
  const processors = cpus();
  const [loadBefore = 0] = loadavg();
  return {
    processor: processors[0]?.model.trim() ?? 'unknown',
    cores: processors.length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    system: `${type()} ${release()}`,
    node: process.version,
    postgres,
    fsyncMs: await measureFsync(),
    filesMs: await measureFiles(),
    loadBefore,
  };
}

async function measureFsync(): Promise<number> {
  const path = join(tmpdir(), `tenant-manager-fsync-${process.pid}`);
  const file = await open(path, 'w');
  const page = Buffer.alloc(8_192, 1);
  const times: number[] = [];
  try {
    for (let index = 0; index < fsyncTries; index += 1) {
      const { ms } = await timed(async () => {
        await file.write(page, 0, page.length, 0);
        await file.datasync();
      });
      times.push(ms);
    }
  } finally {
    await file.close();
    await rm(path);
  }
  return median(times);
}

async function measureFiles(): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), 'tenant-manager-files-'));
  const page = Buffer.alloc(8_192, 1);
  try {
    const { ms } = await timed(async () => {
      for (let index = 0; index < filesOfADatabase; index += 1) {
        await writeFile(join(folder, String(index)), page);
      }
    });
    return ms;
  } finally {
    await rm(folder, { recursive: true });
  }
}
