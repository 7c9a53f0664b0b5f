import type { CliCommand } from '../cli-command.ts';
import { type ExitCode, exitCodes, Failure } from '../failure.ts';
import { wholeNumber } from '../option-values.ts';
import { printable } from '../printable.ts';
import type { Act, Session } from '../session.ts';
import type { Refreshed } from '../template-api.ts';
import { reportRefresh, reportUnfinished, waitForRefresh } from '../wait-for-refresh.ts';

type RefreshOptions = { wait: number; json?: true };

/** A build of a thousand tables takes a quarter of a minute. */
export const usualBuildWaitSeconds = 120;
/** Most looks are over within it; after it the job is followed. */
const silentWaitSeconds = 3;

export function addTemplatesRefreshCommand(templates: CliCommand, act: Act): void {
  templates
    .command('refresh')
    .description('Look at the sources now, and build a new version of each that has changed.')
    .argument('[template]', 'key or id (default: all of them)')
    .option(
      '--wait <seconds>',
      'how long to wait for the end; 0 does not wait',
      wholeNumber(0, 3_600),
      usualBuildWaitSeconds,
    )
    .withJson()
    .withExamples(
      {
        line: 'tenant-cli templates refresh',
        does: 'after a release of your application changed its schema',
      },
      { line: 'tenant-cli templates refresh shop', does: 'one template only' },
    )
    .action((template: string | undefined, options: RefreshOptions) =>
      act((session) =>
        template === undefined ? refreshAll(session, options) : refreshOne(session, template, options),
      ),
    );
}

async function refreshOne(session: Session, key: string, options: RefreshOptions): Promise<ExitCode> {
  const done = await refresh(session, key, options.wait);
  if (options.json) await session.output.json(done ?? null);
  return report(session, { key, done, waitSeconds: options.wait });
}

/** Trouble with one keeps none of the others waiting. */
async function refreshAll(session: Session, options: RefreshOptions): Promise<ExitCode> {
  const { api, output } = session;
  const { value: templates } = await api.listTemplates();
  const results: Refreshed[] = [];
  const codes: ExitCode[] = [];
  for (const { key } of templates) {
    try {
      const done = await refresh(session, key, options.wait);
      if (done !== undefined) results.push(done);
      codes.push(await report(session, { key, done, waitSeconds: options.wait }));
    } catch (error) {
      if (!(error instanceof Failure) || templates.length === 1) throw error;
      await output.say(`${output.messageLook.paint('red', '✗')} ${printable(`${key}: ${error.message}`)}`);
      codes.push(exitCodes.failed);
    }
  }
  if (options.json) await output.json(results);
  if (codes.includes(exitCodes.failed)) return exitCodes.failed;
  return codes.includes(exitCodes.partly) ? exitCodes.partly : exitCodes.done;
}

/** @returns what was done; undefined when it goes on without us. */
async function refresh(session: Session, key: string, waitSeconds: number): Promise<Refreshed | undefined> {
  const { api, output, now } = session;
  const deadline = now().getTime() + waitSeconds * 1_000;
  await output.progress(`Looking at the source of ${printable(key)} …`);
  const { value } = await api.refreshTemplate(key, Math.min(waitSeconds, silentWaitSeconds));
  if (isRefreshed(value)) return value;
  return waitSeconds === 0 ? undefined : waitForRefresh(session, { key, jobId: value.job_id, deadline });
}

function isRefreshed(value: Refreshed | { job_id: string }): value is Refreshed {
  return 'servers' in value;
}

type Done = { key: string; done: Refreshed | undefined; waitSeconds: number };

async function report(session: Session, { key, done, waitSeconds }: Done): Promise<ExitCode> {
  if (done === undefined) {
    await reportUnfinished(session, key, waitSeconds);
    return waitSeconds === 0 ? exitCodes.done : exitCodes.partly;
  }
  await reportRefresh(session, done);
  return exitCodes.done;
}
