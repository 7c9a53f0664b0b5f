import { open, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { errors } from '../errors/catalogue.ts';
import type { ServerSession } from './server-session.ts';

/** Where a server writes when a database of `sizeBytes` is made of a template. */
export type Making = {
  /** The database that is cloned; its tablespace is the clone's. */
  readonly template: string;
  readonly sizeBytes: number;
};

/**
 * Kept free beside what a clone takes: WAL of others, temporary files, checkpoints. A CREATE DATABASE that runs
 * out of space does not only fail: from then on every checkpoint of the whole server does.
 */
const RESERVE_BYTES = 128 * 1024 * 1024;

/**
 * Looks before a database is made whether there is room for it: twice the template, since it is written once as
 * it is and once as WAL, and a reserve. Only where the server's own files can be seen from here: there is no SQL
 * for free space; elsewhere the registry's capacities are what protects.
 * @throws capacity_exhausted with the figures
 */
export async function assertFreeSpace(session: ServerSession, making: Making): Promise<void> {
  const neededBytes = 2 * making.sizeBytes + RESERVE_BYTES;
  for (const place of await placesOf(session, making.template)) {
    const { bavail, bsize } = await statfs(place);
    const freeBytes = bavail * bsize;
    if (freeBytes < neededBytes) {
      const [free, needed] = [inMegabytes(freeBytes), inMegabytes(neededBytes)];
      throw errors.capacityExhausted(
        `${place} of server ${session.server.id} has ${free} free, and ${needed} are needed (twice the ${inMegabytes(making.sizeBytes)} of "${making.template}", and ${inMegabytes(RESERVE_BYTES)} in reserve)`,
      );
    }
  }
}

type Files = { dataDirectory: string; systemIdentifier: string; tablespace: string | null };

/** The folders that it would write to; none where they are not to be seen from here. */
async function placesOf(session: ServerSession, template: string): Promise<string[]> {
  // Others may not ask where the files are.
  if (!session.features.isSuperuser) return [];
  const [files] = await session.rows<Files>(
    `SELECT current_setting('data_directory') AS "dataDirectory",
            (SELECT system_identifier::text FROM pg_control_system()) AS "systemIdentifier",
            (SELECT nullif(pg_tablespace_location(dattablespace), '') FROM pg_database WHERE datname = $1) AS tablespace`,
    [template],
  );
  if (files === undefined || !(await isHere(files))) return [];
  const { dataDirectory, tablespace } = files;
  return [tablespace ?? dataDirectory, join(dataDirectory, 'pg_wal')];
}

/**
 * Whether that folder of this machine is the server's own: another server, or a container's, may lie under the
 * same path. Its control file begins with the identifier that initdb gave it.
 */
async function isHere({ dataDirectory, systemIdentifier }: Files): Promise<boolean> {
  try {
    const control = await open(join(dataDirectory, 'global', 'pg_control'));
    try {
      const { buffer } = await control.read(Buffer.alloc(8), 0, 8, 0);
      return nativeUint64(buffer).toString() === systemIdentifier;
    } finally {
      await control.close();
    }
  } catch (error) {
    if (isNotToBeSeen(error)) return false;
    throw error;
  }
}

/** Of another machine, or another account: then nothing can be said about it. */
function isNotToBeSeen(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return code === 'ENOENT' || code === 'ENOTDIR' || code === 'EACCES' || code === 'EPERM';
}

/** PostgreSQL writes the file as the machine's memory is; every machine that Node.js runs on today is little-endian but s390x. */
function nativeUint64(buffer: Buffer): bigint {
  const isLittleEndian = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;
  return isLittleEndian ? buffer.readBigUInt64LE(0) : buffer.readBigUInt64BE(0);
}

const inMegabytes = (bytes: number): string => `${(bytes / 1024 / 1024).toFixed(1)} MB`;
