import { expect, onTestFinished, test, vi } from 'vitest';
import { parseExposition } from '../../src/cli/exposition.ts';
import { createMetrics } from '../../src/telemetry/create-metrics.ts';
import { createHitRate } from '../../src/telemetry/hit-rate.ts';
import { createHostReader } from '../../src/telemetry/host-figures.ts';
import type { Figure } from '../../src/telemetry/readings.ts';

type Flat = Record<string, string | number>;

function openMetrics() {
  const failures: string[] = [];
  const metrics = createMetrics({ onReadError: (_error, source) => failures.push(source) });
  async function samplesOf(name: string) {
    const exposed = parseExposition(await metrics.scrape());
    const metric = exposed?.find((each) => each.name === name);
    return metric?.samples.map(
      ({ name: sample, labels, value }): Flat => ({ name: sample, ...labels, value }),
    );
  }
  const { readAtScrape, scrape } = metrics;
  return { readAtScrape, scrape, failures, samplesOf };
}

test('a gauge that nobody has read has no value rather than 0', async () => {
  const { samplesOf, readAtScrape } = openMetrics();
  expect(await samplesOf('leases_waiting')).toEqual([]);
  readAtScrape({
    source: 'test',
    fills: ['leasesWaiting'],
    read: () => [{ meter: 'leasesWaiting', value: 0 }],
  });
  expect(await samplesOf('leases_waiting')).toEqual([{ name: 'leases_waiting', value: 0 }]);
});

test('what cannot be read any more is left out and counted, and the rest is told', async () => {
  const { samplesOf, readAtScrape, failures } = openMetrics();
  let isDown = false;
  readAtScrape({
    source: 'registry',
    fills: ['activeUsers', 'tenants'],
    read: async () => {
      if (isDown) throw new Error('down');
      return [
        { meter: 'activeUsers', value: 3 },
        { meter: 'tenants', labels: { status: 'active', region: 'default' }, value: 2 },
      ];
    },
  });
  expect(await samplesOf('active_users')).toHaveLength(1);
  isDown = true;
  expect(await samplesOf('active_users')).toEqual([]);
  expect(await samplesOf('tenants')).toEqual([]);
  const errors = await samplesOf('metrics_read_errors_total');
  expect(errors).toEqual([{ name: 'metrics_read_errors_total', source: 'registry', value: 3 }]);
  expect(failures).toEqual(['registry']);
  expect((await samplesOf('process_resident_memory_bytes'))?.length).toBe(1);
  isDown = false;
  expect(await samplesOf('active_users')).toEqual([{ name: 'active_users', value: 3 }]);
});

test('a reading that hangs holds up no scrape for longer than its deadline', async () => {
  const { samplesOf, readAtScrape } = openMetrics();
  readAtScrape({
    source: 'hangs',
    fills: ['activeUsers'],
    read: () => new Promise<Figure[]>(() => undefined),
  });
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  onTestFinished(() => void vi.useRealTimers());
  const scraped = samplesOf('metrics_read_errors_total');
  await vi.advanceTimersByTimeAsync(3_000);
  expect(await scraped).toEqual([{ name: 'metrics_read_errors_total', source: 'hangs', value: 1 }]);
});

test('scrapes at once read once, and what was read is kept as long as it is good enough', async () => {
  const { scrape, readAtScrape } = openMetrics();
  let kept = 0;
  let fresh = 0;
  readAtScrape({
    source: 'kept',
    fills: [],
    keepMs: 60_000,
    read: async () => {
      kept += 1;
      return [];
    },
  });
  readAtScrape({
    source: 'fresh',
    fills: [],
    read: async () => {
      fresh += 1;
      return [];
    },
  });
  await Promise.all([scrape(), scrape(), scrape()]);
  await scrape();
  expect({ kept, fresh }).toEqual({ kept: 1, fresh: 2 });
});

test('totals that are kept elsewhere appear as counters', async () => {
  const { samplesOf, readAtScrape } = openMetrics();
  let total = 2;
  readAtScrape({
    source: 'totals',
    fills: ['poolEvictions'],
    read: () => [{ meter: 'poolEvictions', labels: { reason: 'budget' }, value: total }],
  });
  await samplesOf('pool_evictions_total');
  total = 5;
  expect(await samplesOf('pool_evictions_total')).toEqual([
    { name: 'pool_evictions_total', reason: 'budget', value: 5 },
  ]);
});

test('a distribution over tenants counts each group as often as there are tenants in it', async () => {
  const { samplesOf, readAtScrape } = openMetrics();
  readAtScrape({
    source: 'seats',
    fills: ['seatUtilization'],
    read: () => [
      { meter: 'seatUtilization', labels: { plan: 'free' }, value: 0.2, count: 1_000 },
      { meter: 'seatUtilization', labels: { plan: 'free' }, value: 1, count: 3 },
      { meter: 'seatUtilization', labels: { plan: 'pro' }, value: 1.5, count: 2 },
    ],
  });
  const samples = (await samplesOf('seat_utilization')) ?? [];
  const of = (plan: string, le: string) =>
    samples.find((each) => each.name === 'seat_utilization_bucket' && each.plan === plan && each.le === le)
      ?.value;
  expect([of('free', '0.1'), of('free', '0.2'), of('free', '0.9'), of('free', '1')]).toEqual([
    0, 1_000, 1_000, 1_003,
  ]);
  expect([of('pro', '1'), of('pro', '+Inf')]).toEqual([0, 2]);
  expect(samples).toContainEqual({ name: 'seat_utilization_count', plan: 'free', value: 1_003 });
  expect(samples).toContainEqual({ name: 'seat_utilization_sum', plan: 'free', value: 203 });
});

test('the hit rate is that of the last minutes, however much was looked up before', () => {
  vi.useFakeTimers();
  onTestFinished(() => void vi.useRealTimers());
  const totals = { hits: 0, misses: 0 };
  const hitRate = createHitRate({ read: () => ({ ...totals }) });
  onTestFinished(hitRate.stop);
  expect(hitRate.rate()).toBeUndefined();
  totals.misses = 1_000;
  expect(hitRate.rate()).toBe(0);
  vi.advanceTimersByTime(4 * 60_000);
  totals.hits = 1_000;
  expect(hitRate.rate()).toBe(0.5);
  vi.advanceTimersByTime(90_000);
  expect(hitRate.rate()).toBe(1);
  vi.advanceTimersByTime(5 * 60_000);
  expect(hitRate.rate()).toBeUndefined();
});

test('a machine is between idle and busy', async () => {
  const read = createHostReader(['/']);
  const until = performance.now() + 100;
  while (performance.now() < until);
  const figures = await read();
  expect(figures.map(({ meter }) => meter)).toEqual(['hostCpu', 'hostMemory', 'diskFree']);
  for (const { value } of figures) {
    expect(value).toBeGreaterThanOrEqual(0);
    expect(value).toBeLessThanOrEqual(1);
  }
  expect(figures[0]?.value).toBeGreaterThan(0);
});
