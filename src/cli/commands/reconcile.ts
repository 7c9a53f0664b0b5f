import { Option } from 'commander';
import type { CliCommand } from '../cli-command.ts';
import { type ExitCode, exitCodes } from '../failure.ts';
import { followJob } from '../follow-job.ts';
import { notEmpty, wholeNumber } from '../option-values.ts';
import { printable } from '../printable.ts';
import { dropped, type ReconcileReport, reconcileReport } from '../reconcile-api.ts';
import { isClean, renderReconcile } from '../reconcile-view.ts';
import type { Act, Session } from '../session.ts';

type ReconcileOptions = {
  apply?: true;
  deep?: true;
  dropQuarantined?: string;
  server?: string;
  wait: number;
  json?: true;
};

const usualWaitSeconds = 120;
/** Most looks are over within it; after it the job is followed. */
const silentWaitSeconds = 5;

export function addReconcileCommand(program: CliCommand, act: Act): void {
  program
    .command('reconcile')
    .description('Compare the registry with the database servers, and mend what does not agree.')
    .option('--apply', 'mend what can be mended; without it nothing is written')
    .option('--deep', 'log in to every active tenant’s database as well')
    .addOption(
      new Option(
        '--drop-quarantined <name>',
        'destroy this database, which no row names and which was shut for that; for good',
      )
        .argParser(notEmpty)
        .conflicts(['apply', 'deep']),
    )
    .option('--server <name>', 'where it is, if several servers have one of that name', notEmpty)
    .option('--wait <seconds>', 'how long to wait for the end', wholeNumber(1, 3_600), usualWaitSeconds)
    .withJson()
    .withExamples(
      { line: 'tenant-cli reconcile', does: 'what --apply would do; exit code 3 when there is something' },
      { line: 'tenant-cli reconcile --apply --deep', does: 'passwords and fingerprints as well' },
    )
    .action((options: ReconcileOptions) =>
      act((session) =>
        options.dropQuarantined === undefined
          ? reconcile(session, options)
          : drop(session, options.dropQuarantined, options),
      ),
    );
}

async function reconcile(session: Session, options: ReconcileOptions): Promise<ExitCode> {
  const report = await compare(session, options);
  if (report === undefined) return notYet(session, options.wait);
  if (options.json) await session.output.json(report);
  else await session.output.text(renderReconcile(report, session.output.look));
  return isClean(report) ? exitCodes.done : exitCodes.partly;
}

async function compare(
  session: Session,
  { apply, deep, wait }: ReconcileOptions,
): Promise<ReconcileReport | undefined> {
  const { api, output, now } = session;
  const deadline = now().getTime() + wait * 1_000;
  const doing = apply ? 'Comparing and mending' : 'Comparing';
  await output.progress(`${doing} …`);
  const depth = deep ? 'deep' : 'catalog';
  const seconds = Math.min(wait, silentWaitSeconds);
  const { value } = await (apply ? api.applyReconcile(depth, seconds) : api.planReconcile(depth, seconds));
  const parsed = reconcileReport.safeParse(value);
  if (parsed.success) return parsed.data;
  return followJob(session, { jobId: jobOf(value), deadline, doing, result: reconcileReport });
}

async function drop(session: Session, name: string, options: ReconcileOptions): Promise<ExitCode> {
  const { api, output, now } = session;
  const { server, wait } = options;
  const deadline = now().getTime() + wait * 1_000;
  const { value } = await api.dropQuarantined(
    server === undefined ? { name } : { name, server },
    Math.min(wait, silentWaitSeconds),
  );
  const parsed = dropped.safeParse(value);
  const done = parsed.success
    ? parsed.data
    : await followJob(session, { jobId: jobOf(value), deadline, doing: `Dropping ${name}`, result: dropped });
  if (done === undefined) return notYet(session, wait);
  if (options.json) await output.json(done);
  await output.say(
    `${output.messageLook.paint('green', '✓')} ${printable(`${done.dropped} on ${done.server} is gone.`)}`,
  );
  return exitCodes.done;
}

const jobOf = (value: object) => ('job_id' in value ? String(value.job_id) : '');

async function notYet({ output }: Session, waitSeconds: number): Promise<ExitCode> {
  await output.say(
    `It is not over after ${waitSeconds} s. Is a worker running? Follow it with: tenant-cli jobs`,
  );
  return exitCodes.partly;
}
