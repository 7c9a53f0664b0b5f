import type { z } from 'zod';
import type { CliCommand } from '../cli-command.ts';
import { type ExitCode, exitCodes } from '../failure.ts';
import { followJob } from '../follow-job.ts';
import { wholeNumber } from '../option-values.ts';
import { printable } from '../printable.ts';
import { checkedServer, removedServer } from '../server-api.ts';
import type { Act, Session } from '../session.ts';
import { usualServerWaitSeconds } from './servers-add.ts';

type WorkOptions = { wait: number; json?: true };

/** Most work is over within it; after it the job is followed. */
const silentWaitSeconds = 3;

export function addServersCheckCommand(servers: CliCommand, act: Act): void {
  addWork(servers, act, {
    name: 'check',
    description: 'Let a worker test a server; one that passes its first test takes tenants from then on.',
    ask: ({ api }, server, waitSeconds) => api.checkServer(server, waitSeconds),
    doing: 'Testing',
    result: checkedServer,
    say: ({ server, version }) => `${server} (PostgreSQL ${version}) is fit.`,
  });
}

export function addServersRemoveCommand(servers: CliCommand, act: Act): void {
  addWork(servers, act, {
    name: 'remove',
    description:
      'Take a drained server out of the list. No tenant may be on it; the templates there are dropped.',
    ask: ({ api }, server, waitSeconds) => api.removeServer(server, waitSeconds),
    doing: 'Removing',
    result: removedServer,
    say: ({ server }) => `${server} is no longer in the list.`,
  });
}

/** What a worker does about a server, and what is said when it is done. */
type Work<Schema extends z.ZodType<object>> = {
  name: string;
  description: string;
  ask: (session: Session, server: string, waitSeconds: number) => Promise<{ value: object }>;
  doing: string;
  result: Schema;
  say: (done: z.infer<Schema>) => string;
};

function addWork<Schema extends z.ZodType<object>>(servers: CliCommand, act: Act, work: Work<Schema>): void {
  servers
    .command(work.name)
    .description(work.description)
    .argument('<server>', 'name or id')
    .option(
      '--wait <seconds>',
      'how long to wait for the end; 0 does not wait',
      wholeNumber(0, 3_600),
      usualServerWaitSeconds,
    )
    .withJson()
    .withExamples({ line: `tenant-cli servers ${work.name} eu-2`, does: work.description.toLowerCase() })
    .action((server: string, options: WorkOptions) =>
      act((session) => carryOut(session, { ...work, server, options })),
    );
}

type Asked<Schema extends z.ZodType<object>> = Work<Schema> & { server: string; options: WorkOptions };

async function carryOut<Schema extends z.ZodType<object>>(
  session: Session,
  { ask, doing, result, say, server, options }: Asked<Schema>,
): Promise<ExitCode> {
  const { output, now } = session;
  const deadline = now().getTime() + options.wait * 1_000;
  await output.progress(`${doing} ${printable(server)} …`);
  const { value } = await ask(session, server, Math.min(options.wait, silentWaitSeconds));
  const jobId = 'job_id' in value ? String(value.job_id) : undefined;
  const follow = (id: string) =>
    options.wait === 0 ? undefined : followJob(session, { jobId: id, deadline, doing, result });
  const done = jobId === undefined ? result.parse(value) : await follow(jobId);
  if (options.json) await output.json(done ?? { job_id: jobId });
  if (done !== undefined) {
    await output.say(`${output.messageLook.paint('green', '✓')} ${printable(say(done))}`);
    return exitCodes.done;
  }
  await output.say(`It goes on. Follow it with: tenant-cli jobs show ${printable(jobId ?? '')}`);
  return options.wait === 0 ? exitCodes.done : exitCodes.partly;
}
