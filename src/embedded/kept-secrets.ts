import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { z } from 'zod';
import { parseKept } from './kept-state.ts';
import type { Placement } from './placement.ts';
import { readPrivateFile, writePrivateFile } from './private-files.ts';

const secretsSchema = z.object({
  POSTGRES_ADMIN_PASSWORD: z.string(),
  REGISTRY_PASSWORD: z.string(),
  JWT_SECRET: z.string(),
  JWT_REFRESH_SECRET: z.string(),
  SUPER_ADMIN_KEY: z.string(),
  MASTER_ENCRYPTION_KEY: z.string(),
  WORKER_SECRET_KEY: z.string(),
});

export type KeptSecrets = z.infer<typeof secretsSchema>;

const FILE_NAME = 'secrets.json';

/** Null where none were made yet. */
export async function readSecrets(dataDir: string): Promise<KeptSecrets | null> {
  const path = join(dataDir, FILE_NAME);
  const text = await readPrivateFile(path);
  return text === null ? null : parseKept(path, text, secretsSchema);
}

/** Made before the server, because the server is made with one of them. */
export async function makeSecrets({ dataDir, fileOwner }: Placement): Promise<KeptSecrets> {
  const names = Object.keys(secretsSchema.shape);
  const secrets = secretsSchema.parse(Object.fromEntries(names.map((name) => [name, newSecret()])));
  const text = `${JSON.stringify(secrets, null, 2)}\n`;
  await writePrivateFile({ path: join(dataDir, FILE_NAME), text, owner: fileOwner });
  return secrets;
}

/** 32 bytes in hex: an encryption key as it must be, and safe in a URL. */
function newSecret(): string {
  return randomBytes(32).toString('hex');
}
