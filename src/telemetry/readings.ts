import { Counter, Gauge } from 'prom-client';
import { FleetHistogram } from './fleet-histogram.ts';
import type { Meters } from './meters.ts';
import type { MetricKey } from './metrics.ts';

/** One value of a meter. `count` is for histograms: so many have it. */
export type Figure = {
  meter: MetricKey;
  labels?: Record<string, string>;
  value: number;
  count?: number;
};

export type Reading = {
  /** Who is asked, as `metrics_read_errors_total` names it. */
  source: string;
  /** The meters that it fills; without any figure they are left out. */
  fills: readonly MetricKey[];
  read: () => readonly Figure[] | Promise<readonly Figure[]>;
  /** For how long what was read is good enough; 0 unless told otherwise. */
  keepMs?: number;
};

export type ReadingsNeeds = {
  meters: Meters;
  onError: (error: unknown, source: string, isNews: boolean) => void;
  /** A scrape of Prometheus waits for 10 s. */
  deadlineMs?: number;
};

type State = { readAt: number; isFailing: boolean };

/** What is read when somebody scrapes. Of several scrapes at once, one reads. */
export function createReadings({ meters, onError, deadlineMs = 3_000 }: ReadingsNeeds) {
  const readings = new Map<Reading, State>();
  let underway: Promise<void> | undefined;

  async function refreshOne(reading: Reading, state: State): Promise<void> {
    const { source, fills, read, keepMs = 0 } = reading;
    const now = performance.now();
    if (now - state.readAt < keepMs) return;
    try {
      const figures = await within(deadlineMs, read);
      fill(meters, fills, figures);
      state.readAt = now;
      state.isFailing = false;
    } catch (error) {
      fill(meters, fills, []);
      state.readAt = Number.NEGATIVE_INFINITY;
      onError(error, source, !state.isFailing);
      state.isFailing = true;
    }
  }

  async function refreshAll(): Promise<void> {
    await Promise.all([...readings].map(([reading, state]) => refreshOne(reading, state)));
  }

  return {
    add(reading: Reading): void {
      readings.set(reading, { readAt: Number.NEGATIVE_INFINITY, isFailing: false });
    },

    /** Never rejects. */
    refresh(): Promise<void> {
      underway ??= refreshAll().finally(() => {
        underway = undefined;
      });
      return underway;
    },
  };
}

async function within<Result>(limitMs: number, work: () => Result | Promise<Result>): Promise<Result> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`No answer within ${limitMs} ms.`)), limitMs);
  });
  try {
    return await Promise.race([work(), late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Replaces all values of these meters. */
function fill(meters: Meters, keys: readonly MetricKey[], figures: readonly Figure[]): void {
  for (const key of keys) {
    const own = figures.filter(({ meter }) => meter === key);
    const meter: unknown = meters[key];
    if (meter instanceof FleetHistogram) {
      meter.fill(own.map(({ labels = {}, value, count = 1 }) => ({ labels, value, count })));
    } else if (meter instanceof Gauge) {
      meter.reset();
      meter.remove({});
      for (const { labels = {}, value } of own) meter.set(labels, value);
    } else if (meter instanceof Counter) {
      meter.reset();
      for (const { labels = {}, value } of own) meter.inc(labels, value);
    }
  }
}
