import { join } from 'node:path';
import { z } from 'zod';
import { errors } from '../errors/catalogue.ts';
import { readPrivateFile, writePrivateFile } from './private-files.ts';
import type { ServerAccount } from './server-account.ts';

const stateSchema = z.object({
  /** Relative to the data folder where it lies inside it. */
  serverDir: z.string(),
  port: z.number().int(),
  major: z.number().int(),
});

/** What the next start must know; written once initdb has succeeded. */
export type KeptState = z.infer<typeof stateSchema>;

const FILE_NAME = 'state.json';

/** Null where no server was set up. */
export async function readState(dataDir: string): Promise<KeptState | null> {
  const path = join(dataDir, FILE_NAME);
  const text = await readPrivateFile(path);
  return text === null ? null : parseKept(path, text, stateSchema);
}

type StateToWrite = { dataDir: string; state: KeptState; owner: ServerAccount };

export async function writeState({ dataDir, state, owner }: StateToWrite): Promise<void> {
  const text = `${JSON.stringify(state, null, 2)}\n`;
  await writePrivateFile({ path: join(dataDir, FILE_NAME), text, owner });
}

/** @throws embeddedFailed where the file is damaged; without a cause, which would show what stands in it. */
export function parseKept<T>(path: string, text: string, schema: z.ZodType<T>): T {
  const parsed = schema.safeParse(parseJson(text));
  if (parsed.success) return parsed.data;
  throw errors.embeddedFailed(`${path} is damaged. Restore it from a backup, or move its folder away.`);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
