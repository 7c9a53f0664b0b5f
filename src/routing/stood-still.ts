const tickMs = 250;
/** A loop that is late by less is busy, and somebody may well be served meanwhile. */
const busyMs = 1_000;

let total = 0;
let tickedAt: number | undefined;

/** How late the loop is by now, where it is so late that it must have stood still. */
function gap(now: number): number {
  const lateMs = now - (tickedAt ?? now) - tickMs;
  return lateMs > busyMs ? lateMs : 0;
}

function tick(): void {
  const now = performance.now();
  total += gap(now);
  tickedAt = now;
}

/**
 * Monotonic milliseconds for which this process did nothing at all, since it was first asked: stopped by a signal,
 * asleep with its machine, or without a turn of its loop. Nobody could have been served in that time.
 */
export function stoodStillMs(): number {
  if (tickedAt === undefined) {
    tickedAt = performance.now();
    setInterval(tick, tickMs).unref();
  }
  return total + gap(performance.now());
}
