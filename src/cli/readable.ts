/** Values as people read them. */

const units = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'];
const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;

/** `8.4 MB`; 1 kB is 1024 bytes, as PostgreSQL counts. */
export function readableSize(bytes: number): string {
  if (!Number.isFinite(bytes) || bytes < 0) return String(bytes);
  let value = bytes;
  let unit = 0;
  while (value >= 1023.5 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  const digits = unit === 0 || value >= 99.95 ? 0 : 1;
  return `${value.toFixed(digits)} ${units[unit]}`;
}

/** `2026-01-31T10:00:00Z`: the instant without milliseconds. The text itself if it is no date. */
export function readableInstant(text: string): string {
  const at = new Date(text);
  return Number.isNaN(at.getTime()) ? text : at.toISOString().replace(/\.\d+Z$/, 'Z');
}

/** `3 minutes ago`, or the day once it is more than a month away. */
export function readableAge(text: string, now: Date): string {
  const at = new Date(text);
  if (Number.isNaN(at.getTime())) return text;
  const ageMs = now.getTime() - at.getTime();
  const distanceMs = Math.abs(ageMs);
  if (distanceMs > 31 * dayMs) return at.toISOString().slice(0, 10);
  if (distanceMs < minuteMs) return ageMs < 0 ? 'in a moment' : 'just now';
  const spoken = count(distanceMs);
  return ageMs < 0 ? `in ${spoken}` : `${spoken} ago`;
}

function count(distanceMs: number): string {
  if (distanceMs < hourMs) return plural(Math.floor(distanceMs / minuteMs), 'minute');
  if (distanceMs < dayMs) return plural(Math.floor(distanceMs / hourMs), 'hour');
  return plural(Math.floor(distanceMs / dayMs), 'day');
}

export function plural(amount: number, noun: string): string {
  return `${readableNumber(amount)} ${noun}${amount === 1 ? '' : 's'}`;
}

/** `12,345`. */
export function readableNumber(value: number): string {
  return value.toLocaleString('en-US', { maximumFractionDigits: 2 });
}

export function readableDuration(milliseconds: number): string {
  if (milliseconds < 1_000) return `${readableNumber(milliseconds)} ms`;
  return `${readableNumber(milliseconds / 1_000)} s`;
}
