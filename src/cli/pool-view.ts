import type { Look } from './look.ts';
import { readableAge, readableInstant, readableNumber } from './readable.ts';
import { renderRecord } from './record.ts';
import { type Column, renderTable } from './table.ts';
import type { PoolStats } from './tenant-api.ts';

type View = { look: Look; now: Date };
type Process = PoolStats['processes'][number];
type Budget = PoolStats['budgets'][number];

export function renderPools({ totals, budgets, processes }: PoolStats, view: View): string {
  const { look } = view;
  const sum = Object.entries(totals).map(([key, value]) => ({
    label: key.replaceAll('_', ' '),
    value: readableNumber(Number(value)),
  }));
  return [
    renderRecord('All processes', sum, look),
    ...(budgets.length === 0 ? [] : [titled('Budgets', renderTable(budgets, budgetColumns, look), look)]),
    ...(processes.length === 0
      ? []
      : [titled('Processes', renderTable(processes, processColumns(view), look), look)]),
  ].join('\n');
}

const titled = (title: string, text: string, look: Look) => `${look.paint('bold', title)}\n${text}`;

const budgetColumns: Column<Budget>[] = [
  { head: 'SERVER', value: ({ server }) => server },
  { head: 'TOTAL', value: ({ total }) => readableNumber(total), align: 'right' },
  { head: 'GIVEN OUT', value: ({ allowed }) => readableNumber(allowed), align: 'right' },
  { head: 'WANTED', value: ({ wanted }) => readableNumber(wanted), align: 'right' },
  { head: 'WHY', value: ({ explanation }) => explanation, shrinksTo: 12, expendable: 1 },
];

function processColumns({ look, now }: View): Column<Process>[] {
  const figure = (head: string, read: (pools: NonNullable<Process['pools']>) => number): Column<Process> => ({
    head,
    value: ({ pools }) => (pools ? readableNumber(read(pools)) : '-'),
    align: 'right',
  });
  const time = (text: string) => (look.isTerminal ? readableAge(text, now) : readableInstant(text));
  return [
    { head: 'PROCESS', value: ({ application_name: name }) => name },
    { head: 'HOST', value: ({ host }) => host, shrinksTo: 8, expendable: 3 },
    {
      head: 'BEAT',
      value: ({ last_beat_at: at, is_silent: silent }) => (silent ? `silent, ${time(at)}` : time(at)),
    },
    figure('TENANTS', ({ tenants }) => tenants),
    figure('OPEN', ({ connections }) => connections),
    figure('LEASED', ({ leased }) => leased),
    figure('WAITING', ({ waiting }) => waiting),
    figure('EVICTED', (pools) => pools.evicted_for_fairness + pools.evicted_for_budget),
    {
      head: 'CACHE HITS',
      value: ({ cache }) =>
        typeof cache?.hit_rate === 'number' ? `${readableNumber(cache.hit_rate * 100)} %` : '-',
      align: 'right',
      expendable: 2,
    },
  ];
}
