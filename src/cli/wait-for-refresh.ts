import { readData } from './api-answer.ts';
import { Failure } from './failure.ts';
import { printable } from './printable.ts';
import { plural } from './readable.ts';
import type { Session } from './session.ts';
import { type Job, type Refreshed, refreshed } from './template-api.ts';
import { waitUntilEnded } from './wait-until-ended.ts';

type Awaited = { key: string; jobId: string; deadline: number };

/**
 * Follows the job that looks at a source and builds what it lacks.
 * @returns what it did; undefined when it is still at it.
 * @throws Failure with what is in the way
 */
export async function waitForRefresh(
  session: Session,
  { key, jobId, deadline }: Awaited,
): Promise<Refreshed | undefined> {
  const job = await waitUntilEnded(session, {
    read: async () => (await session.api.readJob(jobId)).value,
    deadline,
    describe: (state) => progressLine(key, state),
  });
  if (job?.status === 'completed') return readData(job.result, refreshed, 200).value;
  if (job?.status === 'failed' || job?.status === 'cancelled') throw notRefreshed(key, job);
  return undefined;
}

function progressLine(key: string, job: Job | undefined): string {
  const doing = `Looking at the source of ${key} …`;
  if (job?.status === 'processing') return `${doing} a worker is at it`;
  return job === undefined ? doing : `${doing} waiting for a worker`;
}

function notRefreshed(key: string, { status, error }: Job): Failure {
  return new Failure({
    title: 'Not refreshed',
    message: error?.message ?? `The job was ${status}.`,
    code: error?.code,
    hints: [`It is tried again on schedule. See also: tenant-cli templates show ${key}`],
  });
}

/** Says what a refresh did, for each server where there are several. */
export async function reportRefresh(
  { api, output }: Session,
  { template, servers }: Refreshed,
): Promise<void> {
  const tick = output.messageLook.paint('green', '✓');
  const key = printable(template);
  for (const { server, outcome } of servers) {
    const where = servers.length > 1 ? ` on ${printable(server)}` : '';
    const what = outcome === 'built' ? 'a new version was built.' : 'nothing has changed.';
    await output.say(`${tick} ${key}${where}: ${what}`);
  }
  if (!servers.some(({ outcome }) => outcome === 'built')) return;
  const { value } = await api.findTemplate(template);
  const missing = value.versions.find(({ copies }) => copies.some(({ status }) => status === 'ready'));
  const count = missing?.not_carried.length ?? 0;
  if (count === 0) return;
  await output.say(
    `${plural(count, 'thing')} of the source ${count === 1 ? 'is' : 'are'} not carried. See: tenant-cli templates show ${key}`,
  );
}

/** Said when the wait is over before the job. */
export async function reportUnfinished({ output }: Session, key: string, waitSeconds: number): Promise<void> {
  const after = waitSeconds === 0 ? '' : ` after ${waitSeconds} s; is a worker running?`;
  await output.say(
    `The refresh of ${printable(key)} goes on${after === '' ? '.' : after} Follow it with: tenant-cli templates show ${printable(key)}`,
  );
}
