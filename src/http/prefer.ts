import type { FastifyReply } from 'fastify';

/** What a caller wishes of an operation that takes time (RFC 7240). */
export type Preference = { respondAsync: boolean; waitSeconds: number | undefined };

/** Longer waits end at proxies. */
const longestWaitSeconds = 25;

export function parsePrefer(header: string | string[] | undefined): Preference {
  const wishes = [header ?? []]
    .flat()
    .flatMap((line) => line.split(','))
    .map((wish) => wish.trim().toLowerCase());
  const wait = wishes
    .map((wish) => /^wait\s*=\s*"?([0-9]{1,9})"?$/.exec(wish)?.[1])
    .find((given) => given !== undefined);
  return {
    respondAsync: wishes.includes('respond-async'),
    waitSeconds: wait === undefined ? undefined : Math.min(Number(wait), longestWaitSeconds),
  };
}

/** How long to wait for the end: as wished, else not at all with respond-async, else as usual. */
export function waitMsOf({ respondAsync, waitSeconds }: Preference, usualMs: number): number {
  if (waitSeconds !== undefined) return waitSeconds * 1_000;
  return respondAsync ? 0 : Math.min(usualMs, longestWaitSeconds * 1_000);
}

/** Says which wishes the answer fulfils. */
export function setPreferenceApplied(
  reply: FastifyReply,
  { respondAsync, waitSeconds }: Preference,
  hasEnded: boolean,
): void {
  const applied = [
    ...(respondAsync && !hasEnded ? ['respond-async'] : []),
    ...(waitSeconds === undefined ? [] : [`wait=${waitSeconds}`]),
  ];
  if (applied.length > 0) reply.header('preference-applied', applied.join(', '));
}
