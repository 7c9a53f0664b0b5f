import type { Around } from '../../src/provisioning/failpoints.ts';

/** A promise that somebody else settles. */
export function gate() {
  let open: () => void = () => undefined;
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open };
}

/**
 * Holds effects at one point, before they begin or before their answer arrives, until `release`: `times` of
 * them, then lets all pass.
 */
export function holdAt(
  point: string,
  { when = 'before', times = Number.POSITIVE_INFINITY }: { when?: 'before' | 'after'; times?: number } = {},
) {
  const [arrival, release] = [gate(), gate()];
  /** How the held effects ended, once they were released. */
  const ends: PromiseSettledResult<unknown>['status'][] = [];
  let held = 0;

  const wait = async () => {
    arrival.open();
    await release.opened;
  };

  const around: Around = async (name, effect) => {
    if (name !== point || held >= times) return effect();
    held += 1;
    if (when === 'before') await wait();
    const [result] = await Promise.allSettled([effect()]);
    if (when === 'after') await wait();
    ends.push(result.status);
    if (result.status === 'rejected') throw result.reason;
    return result.value;
  };

  return { around, arrived: arrival.opened, release: release.open, ends };
}
