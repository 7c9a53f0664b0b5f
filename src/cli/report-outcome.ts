import type { Run, Tenant } from './admin-api.ts';
import { type ExitCode, exitCodes, Failure } from './failure.ts';
import { printable } from './printable.ts';
import type { Session } from './session.ts';

type Outcome = { tenant: Tenant; run: Run | undefined; waitSeconds: number };

/**
 * Says how the making of a tenant's database ended.
 * @returns done when it is active or nobody wanted to wait; partly when it is still being made.
 * @throws Failure when it could not be made.
 */
export async function reportOutcome({ output }: Session, outcome: Outcome): Promise<ExitCode> {
  const { tenant, run, waitSeconds } = outcome;
  const { slug, status } = tenant;
  const { paint } = output.messageLook;
  if (status === 'active') {
    await output.say(`${paint('green', '✓')} ${printable(slug)} is active.`);
    return exitCodes.done;
  }
  if (status === 'failed' || run?.status === 'failed' || run?.status === 'cancelled')
    throw notMade(tenant, run);
  await output.say(
    `${printable(slug)} is accepted; its database is being made. Follow it with: tenant-cli show ${printable(slug)}`,
  );
  if (waitSeconds === 0) return exitCodes.done;
  const trouble = run?.error ? ` ${run.error.message} (${run.error.code})` : '';
  await output.say(
    `${paint('yellow', 'note:')}  It is not ready after ${waitSeconds} s.${printable(trouble)} Is a worker running?`,
  );
  return exitCodes.partly;
}

function notMade({ slug, status_reason: reason }: Tenant, run: Run | undefined): Failure {
  return new Failure({
    title: 'Tenant not made',
    message: typeof reason === 'string' ? reason : (run?.error?.message ?? 'Its database could not be made.'),
    code: run?.error?.code,
    hints: [`When the cause is mended, start anew with: tenant-cli retry ${slug}`],
  });
}
