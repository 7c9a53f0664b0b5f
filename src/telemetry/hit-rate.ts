export type Lookups = { hits: number; misses: number };

export type HitRateNeeds = {
  /** Totals since the start. */
  read: () => Lookups;
  windowMs?: number;
  sampleEveryMs?: number;
};

const windowMs = 5 * 60_000;
const sampleEveryMs = 10_000;

/** Hits as a part of all look-ups of the last minutes, whoever asks and how often. */
export function createHitRate(needs: HitRateNeeds) {
  const { read } = needs;
  const kept = Math.ceil((needs.windowMs ?? windowMs) / (needs.sampleEveryMs ?? sampleEveryMs));
  const samples: Lookups[] = [read()];
  const sampling = setInterval(() => {
    samples.push(read());
    // The oldest is the beginning of the window.
    if (samples.length > kept) samples.shift();
  }, needs.sampleEveryMs ?? sampleEveryMs).unref();

  return {
    /** undefined while nobody looked anything up. */
    rate(): number | undefined {
      const now = read();
      const since = samples[0] ?? { hits: 0, misses: 0 };
      const [hits, misses] = [now.hits - since.hits, now.misses - since.misses];
      return hits + misses === 0 ? undefined : hits / (hits + misses);
    },
    stop: (): void => clearInterval(sampling),
  };
}
