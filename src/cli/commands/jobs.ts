import type { CliCommand } from '../cli-command.ts';
import { renderJob, renderJobs } from '../job-view.ts';
import { notEmpty, wholeNumber } from '../option-values.ts';
import { printable } from '../printable.ts';
import type { Act, Session } from '../session.ts';

type ListOptions = {
  kind?: string;
  status?: string;
  attention?: true;
  limit?: number;
  cursor?: string;
  json?: true;
};
type JsonOption = { json?: true };

export function addJobsCommand(program: CliCommand, act: Act): void {
  const jobs = program
    .command('jobs')
    .description(
      'What is under way and what is over: runs that make or unmake tenants, and tasks of workers.',
    );
  addList(jobs, act);
  jobs
    .command('show')
    .description('Show one job: its steps, or what came of it.')
    .argument('<job>', 'id')
    .withJson()
    .withExamples({ line: 'tenant-cli jobs show 0199a0aa-…', does: 'why it failed, or what it found' })
    .action((id: string, options: JsonOption) => act((session) => showJob(session, id, options)));
  addAction(jobs, act, { action: 'retry', description: 'Begin a failed job anew.', done: 'is tried again.' });
  addAction(jobs, act, { action: 'cancel', description: 'Stop a job.', done: 'is told to stop.' });
}

function addList(jobs: CliCommand, act: Act): void {
  jobs
    .command('list', { isDefault: true })
    .refusingOtherWords()
    .description('List jobs, the newest first; what `tenant-cli jobs` does.')
    .option('--kind <kind>', 'only these: tenant.provision, reconcile.apply, …', notEmpty)
    .option('--status <status>', 'only those in this state', notEmpty)
    .option('--attention', 'only what needs an operator')
    .option('--limit <number>', 'at most this many, 1 to 200 (default: 50)', wholeNumber(1, 200))
    .option('--cursor <cursor>', 'go on where a former list ended', notEmpty)
    .withJson()
    .withExamples({ line: 'tenant-cli jobs --attention', does: 'what waits for a person' })
    .action((options: ListOptions) => act((session) => listJobs(session, options)));
}

type Action = { action: 'retry' | 'cancel'; description: string; done: string };

function addAction(jobs: CliCommand, act: Act, { action, description, done }: Action): void {
  jobs
    .command(action)
    .description(description)
    .argument('<job>', 'id')
    .withJson()
    .withExamples({ line: `tenant-cli jobs ${action} 0199a0aa-…`, does: description.toLowerCase() })
    .action((id: string, { json }: JsonOption) =>
      act(async ({ api, output }) => {
        const { raw } = await api.actOnJob(id, action);
        if (json) await output.json(raw);
        await output.say(`${output.messageLook.paint('green', '✓')} ${printable(id)} ${done}`);
        return undefined;
      }),
    );
}

async function listJobs({ api, output, now }: Session, options: ListOptions): Promise<undefined> {
  const { kind, status, attention, limit, cursor } = options;
  const query = {
    ...(kind !== undefined && { kind }),
    ...(status !== undefined && { status }),
    ...(attention && { attention: 'true' }),
    ...(limit !== undefined && { limit: String(limit) }),
    ...(cursor !== undefined && { cursor }),
  };
  const { raw, value: jobs, nextCursor } = await api.listJobs(query);
  if (options.json) await output.json(raw);
  else if (jobs.length > 0) await output.text(renderJobs(jobs, { look: output.look, now: now() }));
  const { paint } = output.messageLook;
  if (jobs.length === 0) await output.say('No job is like that.');
  if (nextCursor !== null) await output.say(paint('dim', `More with: --cursor ${nextCursor}`));
}

async function showJob({ api, output }: Session, id: string, { json }: JsonOption): Promise<undefined> {
  const { raw, value } = await api.findJob(id);
  if (json) await output.json(raw);
  else await output.text(renderJob(value, output.look));
}
