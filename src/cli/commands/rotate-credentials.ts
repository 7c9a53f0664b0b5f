import type { CliCommand } from '../cli-command.ts';
import { type ExitCode, exitCodes } from '../failure.ts';
import { followJob } from '../follow-job.ts';
import { notEmpty, wholeNumber } from '../option-values.ts';
import { printable } from '../printable.ts';
import type { Act, Session } from '../session.ts';
import { rotated } from '../tenant-api.ts';

type RotateOptions = { reason?: string; wait: number; json?: true };

const usualWaitSeconds = 30;
/** Most rotations are over within it; after it the job is followed. */
const silentWaitSeconds = 5;

export function addRotateCredentialsCommand(program: CliCommand, act: Act): void {
  program
    .command('rotate-credentials')
    .description('Give the database roles of a tenant new passwords; no request is refused meanwhile.')
    .argument('<tenant>', 'id or slug')
    .option('--reason <text>', 'why, for the audit log', notEmpty)
    .option('--wait <seconds>', 'how long to wait for the end', wholeNumber(0, 3_600), usualWaitSeconds)
    .withJson()
    .withExamples({ line: 'tenant-cli rotate-credentials acme-corp', does: 'after a password was seen' })
    .action((key: string, options: RotateOptions) => act((session) => rotate(session, key, options)));
}

async function rotate(session: Session, key: string, options: RotateOptions): Promise<ExitCode> {
  const { api, output, now } = session;
  const { reason, wait, json } = options;
  const deadline = now().getTime() + wait * 1_000;
  const doing = `Giving ${key} new passwords`;
  await output.progress(`${printable(doing)} …`);
  const body = reason === undefined ? {} : { reason };
  const { value } = await api.rotateCredentials(key, body, Math.min(wait, silentWaitSeconds));
  const jobId = 'job_id' in value ? String(value.job_id) : '';
  const parsed = rotated.safeParse(value);
  const done = parsed.success
    ? parsed.data
    : await followJob(session, { jobId, deadline, doing, result: rotated });
  if (json) await output.json(done ?? { job_id: jobId, status: 'pending' });
  if (done === undefined) {
    await output.say(
      `It is not over after ${wait} s. Is a worker running? Follow it with: tenant-cli jobs show ${printable(jobId)}`,
    );
    return wait === 0 ? exitCodes.done : exitCodes.partly;
  }
  await output.say(`${output.messageLook.paint('green', '✓')} ${printable(done.slug)} has new passwords.`);
  return exitCodes.done;
}
