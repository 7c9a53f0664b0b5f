import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { type ExitCode, exitCodes, Failure } from './failure.ts';
import { optionOf } from './hints.ts';
import { printable } from './printable.ts';
import { readTenantFile, type TenantLine } from './read-tenant-file.ts';
import { readableNumber } from './readable.ts';
import type { Session } from './session.ts';
import type { BulkOutcome } from './tenant-api.ts';

type FromFile = {
  path: string;
  /** For lines that have none. */
  password: string | undefined;
  /** The same for a repeated call, so that it makes nothing twice. */
  idempotencyKey: string | undefined;
  json: true | undefined;
};

/** So many passwords are hashed well within the time that a call may take. */
const atOnce = 25;
const mostTries = 5;
const againMs = 1_000;

type LineOutcome = BulkOutcome & { line: number };

/**
 * Makes a tenant of each line; what is wrong with one line keeps no other from it, and none is waited for.
 * @returns done, partly when some lines were refused, failed when all were.
 */
export async function createFromFile(session: Session, from: FromFile): Promise<ExitCode> {
  const lines = await readTenantFile(from.path);
  const { output } = session;
  const key = from.idempotencyKey ?? randomUUID();
  const results: LineOutcome[] = [];
  for (let at = 0; at < lines.length; at += atOnce) {
    await output.progress(`Creating … ${readableNumber(at)} of ${readableNumber(lines.length)}`);
    const part = lines.slice(at, at + atOnce);
    const outcomes = await createPart(session, part, { key: `${key}-${at}`, password: from.password });
    results.push(...outcomes.map((each) => ({ ...each, line: part[each.index]?.line ?? 0 })));
  }
  await output.endProgress();
  if (from.json) await output.json(results);
  return report(session, results);
}

type Part = { key: string; password: string | undefined };

/** A lost answer is asked for again under the same key. */
async function createPart(
  { api }: Session,
  part: readonly TenantLine[],
  { key, password }: Part,
): Promise<BulkOutcome[]> {
  const tenants = part.map(({ fields }) => ({
    ...(password !== undefined && { admin_password: password }),
    ...fields,
  }));
  for (let tries = 1; ; tries += 1) {
    try {
      return (await api.createMany(tenants, key)).value.results;
    } catch (error) {
      const mayPass = error instanceof Failure && error.facts.passesByItself === true;
      if (!mayPass || tries === mostTries) throw error;
      await delay(againMs);
    }
  }
}

async function report({ output }: Session, results: readonly LineOutcome[]): Promise<ExitCode> {
  const refused = results.filter(({ outcome }) => outcome === 'refused');
  const accepted = results.length - refused.length;
  const { paint } = output.messageLook;
  for (const { line, error } of refused) {
    const why = error?.errors?.map(({ path, message }) => `${optionOf(path)}: ${message}`).join('; ');
    await output.say(`${paint('red', '✗')} line ${line}: ${printable(why ?? error?.message ?? '')}`);
  }
  if (accepted > 0) {
    const what = accepted === 1 ? 'tenant is' : 'tenants are';
    await output.say(
      `${paint('green', '✓')} ${readableNumber(accepted)} ${what} accepted and being made. Follow with: tenant-cli list`,
    );
  }
  if (refused.length === 0) return exitCodes.done;
  await output.say(
    `${readableNumber(refused.length)} of ${readableNumber(results.length)} lines were refused.`,
  );
  return accepted > 0 ? exitCodes.partly : exitCodes.failed;
}
