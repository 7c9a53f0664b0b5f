import { listSilences } from '../../registry/repositories/doctor.ts';
import { type Check, ok, problem } from './check.ts';
import type { DoctorNeeds } from './doctor-needs.ts';

/** Who is never silent as long as one worker lives, and how long nobody need worry, in ms. */
const lasting: Readonly<Record<string, { limitMs: number; does: string }>> = {
  sweeper: { limitMs: 30_000, does: 'sees to forgotten work' },
  // It looks every 30 s, and a look may take some.
  reconciler: { limitMs: 120_000, does: 'compares the registry with the servers' },
};
const limitOfOthersMs = 30_000;
const startWorker = 'Start a worker: npm run start:worker';

/** Whether a worker can be expected to take a task. */
export async function isWorkerAlive({ registry }: Pick<DoctorNeeds, 'registry'>): Promise<boolean> {
  const sweeper = (await listSilences(registry)).find(({ name }) => name === 'sweeper');
  return sweeper !== undefined && sweeper.silentMs <= (lasting.sweeper?.limitMs ?? 0);
}

export async function checkHeartbeats({ registry }: Pick<DoctorNeeds, 'registry'>): Promise<Check[]> {
  const silences = await listSilences(registry);
  const checks = Object.entries(lasting).map(([name, { limitMs, does }]) => {
    const silentMs = silences.find((silence) => silence.name === name)?.silentMs;
    return judge({ name, silentMs, limitMs, does });
  });
  // Of work under way, which beats only as long as it is: one that fell silent has died in the middle.
  for (const { name, silentMs } of silences) {
    if (name in lasting || silentMs <= limitOfOthersMs) continue;
    const detail = `Whoever was at ${name} has been silent for ${inWords(silentMs)}: its process ended or hangs.`;
    const remedy =
      'The next worker that comes to it takes it over; look into the log of the one that was at it.';
    checks.push(problem({ check: 'workers.work', subject: name, detail, remedy }));
  }
  return checks;
}

type Beat = { name: string; silentMs: number | undefined; limitMs: number; does: string };

function judge({ name, silentMs, limitMs, does }: Beat): Check {
  const told = { check: `workers.${name}`, subject: 'installation' };
  if (silentMs === undefined) {
    const detail = `No worker is alive: nobody ${does}, and nobody has until now.`;
    return problem({ ...told, detail, remedy: startWorker });
  }
  if (silentMs > limitMs) {
    const detail = `No worker is alive: nobody ${does} since ${inWords(silentMs)} ago.`;
    return problem({ ...told, detail, remedy: startWorker });
  }
  return ok({ ...told, detail: `A worker ${does}; it said so ${inWords(silentMs)} ago.` });
}

function inWords(ms: number): string {
  const seconds = Math.round(ms / 1_000);
  if (seconds < 120) return `${seconds} s`;
  return seconds < 7_200 ? `${Math.round(seconds / 60)} min` : `${Math.round(seconds / 3_600)} h`;
}
