import type { Queue } from '../queue/create-queue.ts';
import type { RegistryDatabase } from '../registry/registry-database.ts';
import {
  countActiveUsers,
  countTenantsByGroup,
  countTenantsBySeats,
  listBudgetTotals,
  readOldestWork,
  readOutboxBacklog,
} from '../registry/repositories/fleet-figures.ts';
import { countWarmDatabases } from '../registry/repositories/warm-databases.ts';
import type { Figure } from '../telemetry/readings.ts';
import type { ProcessMetrics } from './assemble-metrics.ts';

/** The same in all processes, and no more than a few of them should ask the registry within a scrape interval. */
const keepMs = 5_000;

/** Reads what is true of the whole installation out of its registry. */
export function readFleet({ readAtScrape }: ProcessMetrics, registry: RegistryDatabase): void {
  readAtScrape({
    source: 'registry.tenants',
    fills: ['tenants', 'activeTenants'],
    keepMs,
    read: async () => {
      const groups = await countTenantsByGroup(registry);
      const active = groups.filter(({ status }) => status === 'active');
      return [
        ...sumBy(groups, ({ status, region }) => ({ status, region })).map((sum) => figure('tenants', sum)),
        ...sumBy(active, ({ plan }) => ({ plan })).map((sum) => figure('activeTenants', sum)),
      ];
    },
  });
  readAtScrape({
    source: 'registry.users',
    fills: ['activeUsers', 'seatUtilization'],
    keepMs,
    read: async () => {
      const [activeUsers, groups] = [await countActiveUsers(registry), await countTenantsBySeats(registry)];
      const seats = groups.map(({ plan, seats, members, tenants }): Figure => {
        return { meter: 'seatUtilization', labels: { plan }, value: members / seats, count: tenants };
      });
      return [{ meter: 'activeUsers', value: activeUsers }, ...seats];
    },
  });
  readWork({ readAtScrape }, registry);
}

function readWork({ readAtScrape }: Pick<ProcessMetrics, 'readAtScrape'>, registry: RegistryDatabase): void {
  readAtScrape({
    source: 'registry.servers',
    fills: ['connectionBudget', 'warmDatabases'],
    keepMs,
    read: async () => [
      ...(await listBudgetTotals(registry)).map(({ server, total }) => {
        return { meter: 'connectionBudget', labels: { server }, value: total } as const;
      }),
      ...(await countWarmDatabases(registry)).map(({ server, template, ready }) => {
        return { meter: 'warmDatabases', labels: { server, template }, value: ready } as const;
      }),
    ],
  });
  readAtScrape({
    source: 'registry.work',
    fills: ['queueOldestJobAge', 'outboxPending', 'outboxOldestAge'],
    keepMs,
    read: async () => [
      ...(await readOldestWork(registry)).map(({ queue, ageSeconds }) => {
        return { meter: 'queueOldestJobAge', labels: { queue }, value: ageSeconds } as const;
      }),
      ...(await readOutboxBacklog(registry)).flatMap(({ kind, pending, oldestSeconds }): Figure[] => [
        { meter: 'outboxPending', labels: { kind }, value: pending },
        { meter: 'outboxOldestAge', labels: { kind }, value: oldestSeconds },
      ]),
    ],
  });
}

/** What the queue itself holds; without one, work is handed on within the process. */
export function readQueue({ readAtScrape }: ProcessMetrics, queue: Queue | undefined): void {
  if (queue === undefined) return;
  readAtScrape({
    source: 'queue',
    fills: ['queueJobs'],
    keepMs,
    read: async () =>
      (await queue.countsByJob()).flatMap(({ name, counts }) =>
        Object.entries(counts).map(([state, value]) => {
          return { meter: 'queueJobs', labels: { queue: name, state }, value } as const;
        }),
      ),
  });
}

type Sum = { labels: Record<string, string>; value: number };

function sumBy<Item extends { count: number }>(
  items: readonly Item[],
  labelsOf: (item: Item) => Record<string, string>,
): Sum[] {
  const sums = new Map<string, Sum>();
  for (const item of items) {
    const labels = labelsOf(item);
    const key = JSON.stringify(labels);
    sums.set(key, { labels, value: (sums.get(key)?.value ?? 0) + item.count });
  }
  return [...sums.values()];
}

const figure = (meter: Figure['meter'], { labels, value }: Sum): Figure => ({ meter, labels, value });
