import { collectDefaultMetrics, Registry } from 'prom-client';
import { createMeters } from './meters.ts';
import { createReadings, type Reading } from './readings.ts';

export type MetricsNeeds = {
  /** Called at the first of several failures of a reading in a row. */
  onReadError: (error: unknown, source: string) => void;
};

/** What one process measures, and the text in which Prometheus reads it. */
export function createMetrics({ onReadError }: MetricsNeeds) {
  const register = new Registry();
  const meters = createMeters(register);
  const readings = createReadings({
    meters,
    onError: (error, source, isNews) => {
      meters.metricsReadErrors.inc({ source });
      if (isNews) onReadError(error, source);
    },
  });
  collectDefaultMetrics({ register });

  return {
    meters,
    contentType: register.contentType,
    /** From now on every scrape reads this first. */
    readAtScrape: (reading: Reading): void => readings.add(reading),
    /** The exposition text. What cannot be read is left out; the rest is there. */
    async scrape(): Promise<string> {
      await readings.refresh();
      return register.metrics();
    },
  };
}
