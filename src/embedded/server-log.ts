import { constants } from 'node:fs';
import { open, rename } from 'node:fs/promises';

const LARGEST_LOG_BYTES = 10_000_000;
const TAIL_BYTES = 4_000;

/** Size of the log in bytes, 0 where there is none. A large one is put aside first, as `server.log.1`. */
export async function prepareLog(path: string): Promise<number> {
  const size = await logSize(path);
  if (size < LARGEST_LOG_BYTES) return size;
  await rename(path, `${path}.1`);
  return 0;
}

/** The end of what was logged after `offset`. The settings keep statements and values out of it. */
export async function readLogSince(path: string, offset: number): Promise<string> {
  const file = await openLog(path);
  if (file === null) return '';
  try {
    const { size } = await file.stat();
    const start = Math.max(offset, size - TAIL_BYTES);
    const { buffer, bytesRead } = await file.read({ buffer: Buffer.alloc(TAIL_BYTES), position: start });
    return buffer.toString('utf8', 0, bytesRead).trim();
  } finally {
    await file.close();
  }
}

async function logSize(path: string): Promise<number> {
  const file = await openLog(path);
  if (file === null) return 0;
  try {
    return (await file.stat()).size;
  } finally {
    await file.close();
  }
}

/** The server's account owns the folder, so a link to another file is not followed. */
async function openLog(path: string) {
  try {
    return await open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}
