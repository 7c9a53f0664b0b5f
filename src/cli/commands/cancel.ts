import type { CliCommand } from '../cli-command.ts';
import { type ExitCode, exitCodes, Failure } from '../failure.ts';
import { notEmpty, wholeNumber } from '../option-values.ts';
import { printable } from '../printable.ts';
import { reportChange } from '../report-change.ts';
import type { Act, Session } from '../session.ts';
import { waitForRun } from '../wait-for-run.ts';

type CancelOptions = { reason?: string; wait: number; json?: true };

const usualWaitSeconds = 60;

export function addCancelCommand(program: CliCommand, act: Act): void {
  program
    .command('cancel')
    .description('Stop making a tenant and take everything back; of a failed tenant, free its slug.')
    .argument('<tenant>', 'id or slug')
    .option('--reason <text>', 'why, for the audit log', notEmpty)
    .option(
      '--wait <seconds>',
      'how long to wait until everything is taken back; 0 does not wait',
      wholeNumber(0, 3_600),
      usualWaitSeconds,
    )
    .withJson()
    .withExamples({
      line: 'tenant-cli cancel acme-corp --reason "signed up twice"',
      does: 'its database and roles are removed, and the tenant is failed',
    })
    .action((tenant: string, options: CancelOptions) =>
      act((session) => cancelTenant(session, tenant, options)),
    );
}

async function cancelTenant(session: Session, key: string, options: CancelOptions): Promise<ExitCode> {
  const { api, output, now } = session;
  const { reason, wait: waitSeconds, json } = options;
  const deadline = now().getTime() + waitSeconds * 1_000;
  const answer = await api.act(key, 'cancel', reason === undefined ? {} : { reason });
  const provisioningId = answer.value?.provisioning_id;
  if (!provisioningId) {
    await reportChange(session, { key, answer, done: 'is cancelled.', json });
    return exitCodes.done;
  }
  const run = await waitForRun(session, { provisioningId, deadline, doing: `Cancelling ${key}` });
  if (json) await output.json(answer.raw);
  const slug = printable(answer.value?.slug ?? key);
  const { paint } = output.messageLook;
  if (run?.status === 'cancelled' || run?.status === 'completed') {
    await output.say(`${paint('green', '✓')} ${slug} is cancelled.`);
    return exitCodes.done;
  }
  if (run?.status === 'failed') {
    throw new Failure({
      title: 'Not taken back',
      message: run.error?.message ?? 'Something of it is left.',
      code: run.error?.code,
      hints: [`What is in the way: tenant-cli show ${slug}`],
    });
  }
  await output.say(`${slug} is being cancelled. Follow it with: tenant-cli show ${slug}`);
  return waitSeconds === 0 ? exitCodes.done : exitCodes.partly;
}
