import type { CliCommand } from '../cli-command.ts';
import { type ExitCode, exitCodes } from '../failure.ts';
import { wholeNumber } from '../option-values.ts';
import { reportChange } from '../report-change.ts';
import { reportOutcome } from '../report-outcome.ts';
import type { Act, Session } from '../session.ts';
import { waitForRun } from '../wait-for-run.ts';

type RetryOptions = { wait: number; json?: true };

const usualWaitSeconds = 60;

export function addRetryCommand(program: CliCommand, act: Act): void {
  program
    .command('retry')
    .description('Start anew what failed: making the database of a tenant, or purging it.')
    .argument('<tenant>', 'id or slug')
    .option(
      '--wait <seconds>',
      'how long to wait until it is active; 0 does not wait',
      wholeNumber(0, 3_600),
      usualWaitSeconds,
    )
    .withJson()
    .withExamples({ line: 'tenant-cli retry acme-corp', does: 'once the cause is mended' })
    .action((tenant: string, options: RetryOptions) =>
      act((session) => retryTenant(session, tenant, options)),
    );
}

async function retryTenant(session: Session, key: string, options: RetryOptions): Promise<ExitCode> {
  const { api, output, now } = session;
  const { wait: waitSeconds, json } = options;
  const deadline = now().getTime() + waitSeconds * 1_000;
  const answer = await api.act(key, 'retry');
  const provisioningId = answer.value?.provisioning_id;
  if (!provisioningId) {
    await reportChange(session, { key, answer, done: 'is tried again.', json });
    return exitCodes.done;
  }
  const run = await waitForRun(session, { provisioningId, deadline, doing: `Making the database of ${key}` });
  const { raw, value: tenant } = await api.findTenant(key);
  if (json) await output.json(raw);
  return reportOutcome(session, { tenant, run, waitSeconds });
}
