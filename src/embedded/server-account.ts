import { errors } from '../errors/catalogue.ts';
import { runCommand } from './run-command.ts';

/** The user that the server runs as. Without `identity` it is the user of this process. */
export type ServerAccount = {
  readonly name: string;
  readonly identity?: { readonly uid: number; readonly gid: number };
};

/**
 * PostgreSQL refuses to run as root, so root lends it an account that exists everywhere.
 * @throws embeddedFailed where there is neither `postgres` nor `nobody`.
 */
export async function chooseServerAccount(): Promise<ServerAccount> {
  if (process.getuid?.() !== 0) return { name: 'the current user' };
  for (const name of ['postgres', 'nobody']) {
    const identity = await lookUpUser(name);
    if (identity !== null) return { name, identity };
  }
  throw errors.embeddedFailed(
    'PostgreSQL cannot run as root, and neither the user "postgres" nor "nobody" exists. Create the user "postgres", or start as another user.',
  );
}

async function lookUpUser(name: string): Promise<{ uid: number; gid: number } | null> {
  const uid = await runCommand({ file: 'id', args: ['-u', name] });
  const gid = await runCommand({ file: 'id', args: ['-g', name] });
  if (!uid.succeeded || !gid.succeeded) return null;
  const identity = { uid: Number(uid.output), gid: Number(gid.output) };
  return identity.uid > 0 && Number.isInteger(identity.gid) ? identity : null;
}

/** Whether the account may execute this file, or go into this folder. */
export async function accountCanReach(account: ServerAccount, path: string): Promise<boolean> {
  const answer = await runCommand({ file: '/bin/sh', args: ['-c', 'test -x "$1"', 'sh', path], account });
  return answer.succeeded;
}
