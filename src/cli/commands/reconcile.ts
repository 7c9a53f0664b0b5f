import { Option } from 'commander';
import type { z } from 'zod';
import type { CliCommand } from '../cli-command.ts';
import { type ExitCode, exitCodes, wrongUsage } from '../failure.ts';
import { followJob } from '../follow-job.ts';
import { notEmpty, wholeNumber } from '../option-values.ts';
import { printable } from '../printable.ts';
import { dropped, type ReconcileReport, reconcileReport, released } from '../reconcile-api.ts';
import { isClean, renderReconcile } from '../reconcile-view.ts';
import type { Act, Session } from '../session.ts';

type ReconcileOptions = {
  apply?: true;
  deep?: true;
  dropQuarantined?: string;
  release?: string;
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
    .addOption(
      new Option(
        '--release <name>',
        'open this database, which was shut too, and leave it to you from then on',
      )
        .argParser(notEmpty)
        .conflicts(['apply', 'deep', 'dropQuarantined']),
    )
    .option(
      '--server <name>',
      'where the one to drop or release is, if several servers have one of that name',
      notEmpty,
    )
    .option('--wait <seconds>', 'how long to wait for the end', wholeNumber(1, 3_600), usualWaitSeconds)
    .withJson()
    .withExamples(
      { line: 'tenant-cli reconcile', does: 'what --apply would do; exit code 3 when there is something' },
      { line: 'tenant-cli reconcile --apply --deep', does: 'passwords and fingerprints as well' },
    )
    .action((options: ReconcileOptions) => act((session) => choose(session, options)));
}

function choose(session: Session, options: ReconcileOptions): Promise<ExitCode> {
  const { dropQuarantined, release, server } = options;
  if (dropQuarantined !== undefined) return drop(session, dropQuarantined, options);
  if (release !== undefined) return releaseIt(session, release, options);
  if (server === undefined) return reconcile(session, options);
  throw wrongUsage(
    '--server says where a database to drop or to release is. All servers are compared and mended together.',
    'Leave --server out, or name the database: --drop-quarantined <name>, --release <name>',
  );
}

async function reconcile(session: Session, options: ReconcileOptions): Promise<ExitCode> {
  const { report, jobId } = await compare(session, options);
  if (report === undefined) return notYet(session, options, jobId);
  if (options.json) await session.output.json(report);
  else await session.output.text(renderReconcile(report, session.output.look));
  return isClean(report) ? exitCodes.done : exitCodes.partly;
}

type Compared = { report: ReconcileReport | undefined; jobId?: string };

async function compare(session: Session, { apply, deep, wait }: ReconcileOptions): Promise<Compared> {
  const { api, output, now } = session;
  const deadline = now().getTime() + wait * 1_000;
  const doing = apply ? 'Comparing and mending' : 'Comparing';
  await output.progress(`${doing} …`);
  const depth = deep ? 'deep' : 'catalog';
  const seconds = Math.min(wait, silentWaitSeconds);
  const { value } = await (apply ? api.applyReconcile(depth, seconds) : api.planReconcile(depth, seconds));
  const parsed = reconcileReport.safeParse(value);
  if (parsed.success) return { report: parsed.data };
  const jobId = jobOf(value);
  return { report: await followJob(session, { jobId, deadline, doing, result: reconcileReport }), jobId };
}

async function drop(session: Session, name: string, options: ReconcileOptions): Promise<ExitCode> {
  const ask = () => session.api.dropQuarantined(choiceOf(name, options), silentWait(options));
  const doing = `Dropping ${name}`;
  return decide(session, options, {
    ask,
    doing,
    result: dropped,
    say: (done) => `${done.dropped} on ${done.server} is gone.`,
  });
}

async function releaseIt(session: Session, name: string, options: ReconcileOptions): Promise<ExitCode> {
  const ask = () => session.api.releaseQuarantined(choiceOf(name, options), silentWait(options));
  const doing = `Releasing ${name}`;
  const say = (done: z.infer<typeof released>) =>
    `${done.released} on ${done.server} is open, and yours: let in by name whom it concerns.`;
  return decide(session, options, { ask, doing, result: released, say });
}

const silentWait = ({ wait }: ReconcileOptions) => Math.min(wait, silentWaitSeconds);
const choiceOf = (name: string, { server }: ReconcileOptions) =>
  server === undefined ? { name } : { name, server };

type Decision<Schema extends z.ZodType> = {
  ask: () => Promise<{ value: object }>;
  doing: string;
  result: Schema;
  say: (done: z.infer<Schema>) => string;
};

/** What becomes of one database in quarantine. */
async function decide<Schema extends z.ZodType>(
  session: Session,
  options: ReconcileOptions,
  { ask, doing, result, say }: Decision<Schema>,
): Promise<ExitCode> {
  const { output, now } = session;
  const deadline = now().getTime() + options.wait * 1_000;
  const { value } = await ask();
  const parsed = result.safeParse(value);
  const jobId = jobOf(value);
  const done = parsed.success ? parsed.data : await followJob(session, { jobId, deadline, doing, result });
  if (done === undefined) return notYet(session, options, jobId);
  if (options.json) await output.json(done);
  await output.say(`${output.messageLook.paint('green', '✓')} ${printable(say(done))}`);
  return exitCodes.done;
}

const jobOf = (value: object) => ('job_id' in value ? String(value.job_id) : '');

/** Nobody knows yet how it ends. */
async function notYet({ output }: Session, { wait, json }: ReconcileOptions, jobId = ''): Promise<ExitCode> {
  if (json) await output.json({ job_id: jobId, status: 'pending' });
  await output.say(
    `It is not over after ${wait} s. Is a worker running? Follow it with: tenant-cli jobs show ${printable(jobId)}`,
  );
  return exitCodes.partly;
}
