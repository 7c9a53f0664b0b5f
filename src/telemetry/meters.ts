import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { MetricDefinition } from './define-metric.ts';
import { FleetHistogram } from './fleet-histogram.ts';
import { metricCatalogue } from './metrics.ts';

type Catalogue = typeof metricCatalogue;

type MeterOf<Definition> =
  Definition extends MetricDefinition<infer Kind, infer Label>
    ? { counter: Counter<Label>; gauge: Gauge<Label>; histogram: Histogram<Label> }[Kind]
    : never;

/** One meter for each entry of the catalogue. */
export type Meters = { readonly [Key in keyof Catalogue]: MeterOf<Catalogue[Key]> };

export function createMeters(register: Registry): Meters {
  const entries = Object.entries<MetricDefinition>(metricCatalogue);
  const meters = entries.map(([key, definition]) => [key, createMeter(definition, register)]);
  return Object.fromEntries(meters) as Meters;
}

function createMeter({ kind, name, help, labels, buckets, isFleet }: MetricDefinition, register: Registry) {
  const shared = { name, help, labelNames: [...labels], registers: [register] };
  switch (kind) {
    case 'counter':
      return new Counter(shared);
    case 'gauge':
      return withoutValue(new Gauge(shared));
    case 'histogram':
      return isFleet
        ? new FleetHistogram({ ...shared, buckets: [...buckets] })
        : new Histogram({ ...shared, buckets: [...buckets] });
  }
}

/** prom-client starts gauges without labels at 0, which is not the same as not to know. */
function withoutValue(meter: Gauge): Gauge {
  meter.remove({});
  return meter;
}
