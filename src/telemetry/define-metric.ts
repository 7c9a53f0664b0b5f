export type MetricKind = 'counter' | 'gauge' | 'histogram';

/** One metric, as the catalogue has it. */
export type MetricDefinition<Kind extends MetricKind = MetricKind, Label extends string = string> = {
  readonly kind: Kind;
  readonly name: string;
  readonly help: string;
  readonly labels: readonly Label[];
  /** Of the whole installation, told by every process that can: to be aggregated with `max`. */
  readonly isFleet: boolean;
  /** Upper bounds, in the unit of the metric. Histograms only. */
  readonly buckets: readonly number[];
};

type Definer<Kind extends MetricKind> = <const Label extends string = never>(
  name: string,
  help: string,
  labels?: readonly Label[],
) => MetricDefinition<Kind, Label>;

export const counter: Definer<'counter'> = (name, help, labels = []) => ({
  ...plain,
  kind: 'counter',
  name,
  help,
  labels,
});

export const gauge: Definer<'gauge'> = (name, help, labels = []) => ({
  ...plain,
  kind: 'gauge',
  name,
  help,
  labels,
});

export const fleetGauge: Definer<'gauge'> = (name, help, labels = []) => ({
  ...gauge(name, help, labels),
  isFleet: true,
});

/** What a process observes, in seconds unless its name says otherwise. */
export function histogram(buckets: readonly number[]): Definer<'histogram'> {
  return (name, help, labels = []) => ({ ...plain, kind: 'histogram', name, help, labels, buckets });
}

/** A distribution over the whole installation as it is at the scrape, and not over time. */
export function fleetHistogram(buckets: readonly number[]): Definer<'histogram'> {
  return (name, help, labels = []) => ({ ...histogram(buckets)(name, help, labels), isFleet: true });
}

const plain = { isFleet: false, buckets: [] } as const;
