import { AppError } from '../errors/app-error.ts';
import { errors } from '../errors/catalogue.ts';

export type HealthCheck = {
  /** Rejects when something is wrong. */
  check: () => Promise<void>;
  /** Without it the process cannot serve; else it only serves less. */
  isCritical: boolean;
};

export type HealthReport = {
  status: 'healthy' | 'degraded' | 'unhealthy';
  /** `ok`, or the code of the error. */
  checks: Record<string, string>;
};

export type HealthNeeds = {
  checks: Readonly<Record<string, HealthCheck>>;
  /** From then on it is unhealthy at once, whatever was seen a moment ago: who sends requests must go elsewhere. */
  isStopping?: () => boolean;
  now?: () => Date;
};

const limitMs = 2_000;
/** Anyone may ask: the checks run once for all who ask within this time. */
const freshMs = 1_000;

/** Looks at what a process needs. The looks are bounded in time, and shared. */
export function createHealth({ checks, isStopping = () => false, now = () => new Date() }: HealthNeeds) {
  let last: { report: Promise<HealthReport>; at: number } | undefined;

  async function look(): Promise<HealthReport> {
    const results = await Promise.all(
      Object.entries(checks).map(async ([name, { check, isCritical }]) => ({
        name,
        isCritical,
        outcome: await outcomeOf(name, check),
      })),
    );
    const failed = results.filter(({ outcome }) => outcome !== 'ok');
    return {
      status: statusOf(failed),
      checks: Object.fromEntries(results.map(({ name, outcome }) => [name, outcome])),
    };
  }

  return {
    async report(): Promise<HealthReport> {
      if (isStopping()) return { status: 'unhealthy', checks: { process: 'stopping' } };
      const at = now().getTime();
      if (last === undefined || at - last.at >= freshMs) last = { report: look(), at };
      return last.report;
    },
  };
}

export type Health = ReturnType<typeof createHealth>;

function statusOf(failed: readonly { isCritical: boolean }[]): HealthReport['status'] {
  if (failed.length === 0) return 'healthy';
  return failed.some(({ isCritical }) => isCritical) ? 'unhealthy' : 'degraded';
}

/** The code only: health is open to anyone. */
async function outcomeOf(name: string, check: () => Promise<void>): Promise<string> {
  let timer: NodeJS.Timeout | undefined;
  const timeUp = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(errors.deadlineExceeded(name, limitMs)), limitMs);
  });
  try {
    await Promise.race([check(), timeUp]);
    return 'ok';
  } catch (error) {
    return error instanceof AppError ? error.code : 'failed';
  } finally {
    clearTimeout(timer);
  }
}
