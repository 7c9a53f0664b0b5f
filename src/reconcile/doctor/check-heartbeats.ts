import { listSilences } from '../../registry/repositories/doctor.ts';
import { type Check, ok, problem, warning } from './check.ts';
import type { DoctorNeeds } from './doctor-needs.ts';

type Needs = Pick<DoctorNeeds, 'registry'>;

/** It beats every 5 s as long as one worker lives. */
const sweeperLimitMs = 30_000;
/** It beats once for each look, every 30 s, and another worker takes it over after 90 s. */
const reconcilerLimitMs = 150_000;
const limitOfOthersMs = 30_000;

/** Whether a worker can be expected to take a task. */
export async function isWorkerAlive({ registry }: Needs): Promise<boolean> {
  const silentMs = silenceOf('sweeper', await listSilences(registry));
  return silentMs !== undefined && silentMs <= sweeperLimitMs;
}

export async function checkHeartbeats({ registry }: Needs): Promise<Check[]> {
  const silences = await listSilences(registry);
  // Of work under way, which beats only as long as it is: one that fell silent has died in the middle.
  const left = silences.filter(
    ({ name, silentMs }) => !['sweeper', 'reconciler'].includes(name) && silentMs > limitOfOthersMs,
  );
  return [
    checkSweeper(silenceOf('sweeper', silences)),
    checkReconciler(silenceOf('reconciler', silences)),
    ...left.map(({ name, silentMs }) =>
      problem({
        check: 'workers.work',
        subject: name,
        detail: `Whoever was at it has been silent for ${inWords(silentMs)}: its process ended or hangs.`,
        remedy:
          'The next worker that comes to it takes it over; look into the log of the one that was at it.',
      }),
    ),
  ];
}

function checkSweeper(silentMs: number | undefined): Check {
  const told = { check: 'workers.sweeper', subject: 'installation' };
  if (silentMs !== undefined && silentMs <= sweeperLimitMs) {
    return ok({
      ...told,
      detail: `A worker is alive and sees to forgotten work; it said so ${inWords(silentMs)} ago.`,
    });
  }
  const since =
    silentMs === undefined ? 'none ever was' : `the last one fell silent ${inWords(silentMs)} ago`;
  const detail = `No worker is alive (${since}): nobody makes tenants, nor sees to forgotten work.`;
  return problem({ ...told, detail, remedy: 'Start a worker: npm run start:worker' });
}

function checkReconciler(silentMs: number | undefined): Check {
  const told = { check: 'workers.reconciler', subject: 'installation' };
  if (silentMs !== undefined && silentMs <= reconcilerLimitMs) {
    return ok({ ...told, detail: `The registry was compared with the servers ${inWords(silentMs)} ago.` });
  }
  const detail =
    silentMs === undefined
      ? 'Nobody has compared the registry with the servers yet.'
      : `Nobody has compared the registry with the servers for ${inWords(silentMs)}.`;
  const remedy =
    'A worker does so within two minutes of its start. If one has been alive for longer, its log says what is in the way.';
  return warning({ ...told, detail, remedy });
}

const silenceOf = (name: string, silences: Awaited<ReturnType<typeof listSilences>>) =>
  silences.find((silence) => silence.name === name)?.silentMs;

function inWords(ms: number): string {
  const seconds = Math.round(ms / 1_000);
  if (seconds < 120) return `${seconds} s`;
  return seconds < 7_200 ? `${Math.round(seconds / 60)} min` : `${Math.round(seconds / 3_600)} h`;
}
