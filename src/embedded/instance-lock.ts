import { randomBytes } from 'node:crypto';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import { errors } from '../errors/catalogue.ts';
import { readPrivateFile, writePrivateFile } from './private-files.ts';
import { identifyProcess } from './process-identity.ts';
import type { ServerAccount } from './server-account.ts';

// One file per process that wants the folder, each under a name of its own, first `claiming`, then `held`.
// A file is removed by its owner, or by anyone once its owner is dead; a name is never used twice, so nobody can
// remove the file of somebody who came later. That is the race in which lock files with a fixed name lose.
const claimSchema = z.object({ pid: z.number(), process: z.string(), phase: z.enum(['claiming', 'held']) });

type Claim = z.infer<typeof claimSchema> & { readonly file: string };
export type InstanceLock = { release(): Promise<void> };

const CLAIM_NAME = /^lock-\d+-[0-9a-f]+$/;

/**
 * Makes this process the only user of the folder.
 * @throws embeddedFailed that names the process which has it.
 */
export async function acquireInstanceLock(folder: string, owner: ServerAccount): Promise<InstanceLock> {
  const file = `lock-${process.pid}-${randomBytes(8).toString('hex')}`;
  const path = join(folder, file);
  const identity = (await identifyProcess(process.pid)) ?? '';
  const declare = (phase: Claim['phase']) =>
    writePrivateFile({ path, text: JSON.stringify({ pid: process.pid, process: identity, phase }), owner });
  await declare('claiming');
  try {
    await outwaitRivals(folder, file);
    await declare('held');
  } catch (error) {
    await rm(path, { force: true });
    throw error;
  }
  return { release: () => rm(path, { force: true }) };
}

/**
 * Of several that claim at once, the one with the smallest name goes first: the others see it, because everyone
 * writes before looking, and give up.
 */
async function outwaitRivals(folder: string, ownFile: string): Promise<void> {
  for (;;) {
    const rivals = await listLiveClaims(folder, ownFile);
    const winner = rivals.find((rival) => rival.phase === 'held' || rival.file < ownFile);
    if (winner) {
      throw errors.embeddedFailed(
        `Another tenant-manager (process ${winner.pid}) is using the data in ${folder}. Stop it first, or set EMBEDDED_DATA_DIR to another folder.`,
      );
    }
    if (rivals.length === 0) return;
    await delay(20);
  }
}

async function listLiveClaims(folder: string, ownFile: string): Promise<Claim[]> {
  const names = (await readdir(folder)).filter((name) => CLAIM_NAME.test(name) && name !== ownFile);
  const claims = await Promise.all(names.map((name) => readLiveClaim(folder, name)));
  return claims.filter((claim) => claim !== null);
}

async function readLiveClaim(folder: string, file: string): Promise<Claim | null> {
  const path = join(folder, file);
  const text = await readPrivateFile(path);
  if (text === null) return null;
  const claim = { ...claimSchema.parse(JSON.parse(text)), file };
  const identity = await identifyProcess(claim.pid);
  if (identity === '' || identity === claim.process) return claim;
  await rm(path, { force: true });
  return null;
}
