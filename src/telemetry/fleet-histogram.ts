import { Histogram } from 'prom-client';

/** So many of those with these labels have this value. */
export type Group = { labels: Record<string, string>; value: number; count: number };

type Sample = {
  metricName: string;
  labels: Record<string, string | number>;
  sharedLabels: Record<string, string>;
  value: number;
};

/** A histogram that is filled anew as a whole, with values that were counted elsewhere. */
export class FleetHistogram extends Histogram<string> {
  readonly #name: string;
  readonly #help: string;
  readonly #bounds: readonly number[];
  #groups: readonly Group[] = [];

  constructor(configuration: ConstructorParameters<typeof Histogram<string>>[0]) {
    super(configuration);
    this.#name = configuration.name;
    this.#help = configuration.help;
    this.#bounds = configuration.buckets ?? [];
  }

  fill(groups: readonly Group[]): void {
    this.#groups = groups;
  }

  /** What prom-client asks a histogram for when it writes the text; its types do not have it. */
  async getForPromString() {
    const values = [...groupByLabels(this.#groups).values()].flatMap((groups) => this.#samples(groups));
    return { name: this.#name, help: this.#help, type: 'histogram', aggregator: 'omit', values };
  }

  #samples(groups: readonly Group[]): Sample[] {
    const labels = groups[0]?.labels ?? {};
    const countUpTo = (bound: number) =>
      groups.reduce((sum, { value, count }) => (value <= bound ? sum + count : sum), 0);
    const bucket = (le: number | string, value: number) => ({
      metricName: `${this.#name}_bucket`,
      labels: { le },
      sharedLabels: labels,
      value,
    });
    const all = countUpTo(Number.POSITIVE_INFINITY);
    const sum = groups.reduce((total, { value, count }) => total + value * count, 0);
    return [
      ...this.#bounds.map((bound) => bucket(bound, countUpTo(bound))),
      bucket('+Inf', all),
      { metricName: `${this.#name}_sum`, labels: {}, sharedLabels: labels, value: sum },
      { metricName: `${this.#name}_count`, labels: {}, sharedLabels: labels, value: all },
    ];
  }
}

function groupByLabels(groups: readonly Group[]): Map<string, Group[]> {
  const grouped = new Map<string, Group[]>();
  for (const group of groups) {
    const key = JSON.stringify(group.labels);
    grouped.set(key, [...(grouped.get(key) ?? []), group]);
  }
  return grouped;
}
