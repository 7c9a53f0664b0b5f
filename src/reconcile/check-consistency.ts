import { setTimeout as delay } from 'node:timers/promises';
import { listServers } from '../registry/repositories/database-servers.ts';
import { type Found, keyOf } from './finding.ts';
import { lookAtRegistry, lookForSecrets } from './look-at-registry.ts';
import { type Compared, lookAtServer, type Server } from './look-at-server.ts';
import { lookWithin } from './look-within.ts';
import type { ReconcileNeeds } from './reconcile-needs.ts';
import { toUnchecked, type Unchecked } from './unchecked.ts';

/** `catalog` enters no tenant's database; `deep` logs in to each, and reads every text that is kept in clear. */
export type Depth = 'catalog' | 'deep';

export type Consistency = {
  depth: Depth;
  compared: Compared & { servers: number };
  found: Found[];
  unchecked: Unchecked[];
};

export type CheckOptions = { depth: Depth; signal: AbortSignal };

/** What comes and goes by itself in between is seen once only. */
const secondLookAfterMs = 1_000;

/**
 * Compares registry and servers, as far as the invariants of an installation can be looked at from there. What is
 * under way is no finding, and a finding from outside counts only when a second look, a moment later, has it too.
 */
export async function checkConsistency(
  needs: ReconcileNeeds,
  { depth, signal }: CheckOptions,
): Promise<Consistency> {
  const first = await lookFromOutside(needs, depth, signal);
  const confirmed = first.found.length === 0 ? first : await lookAgain(needs, first, signal);
  if (depth === 'catalog') return confirmed;
  const except = mendedFirst(confirmed.found);
  const reached = (await listServers(needs.registry)).filter(
    ({ name }) => !confirmed.unchecked.some(({ subject }) => subject === name),
  );
  for (const server of reached) {
    const inner = await lookWithin(needs, server, { except, signal });
    confirmed.found.push(...inner.findings);
    confirmed.unchecked.push(...inner.unchecked);
  }
  confirmed.found.push(...(await lookForSecrets(needs.registry)));
  return confirmed;
}

/** By id: whose database or roles are to be mended from outside, before anybody can say how they are within. */
function mendedFirst(found: readonly Found[]): Set<string> {
  const toMend = found.filter(({ server, action }) => server !== null && action !== undefined);
  return new Set(toMend.flatMap(({ tenantId }) => tenantId ?? []));
}

async function lookAgain(
  needs: ReconcileNeeds,
  first: Consistency,
  signal: AbortSignal,
): Promise<Consistency> {
  await delay(secondLookAfterMs, undefined, { signal });
  const second = await lookFromOutside(needs, first.depth, signal);
  const seen = new Set(first.found.map(keyOf));
  return { ...second, found: second.found.filter((found) => seen.has(keyOf(found))) };
}

async function lookFromOutside(
  needs: ReconcileNeeds,
  depth: Depth,
  signal: AbortSignal,
): Promise<Consistency> {
  const servers = await listServers(needs.registry);
  const none = { tenants: 0, warm_databases: 0, template_copies: 0, databases: 0, roles: 0 };
  const look: Consistency = { depth, compared: { servers: 0, ...none }, found: [], unchecked: [] };
  look.found.push(...(await lookAtRegistry(needs.registry)));
  for (const server of servers) {
    signal.throwIfAborted();
    await addServer(needs, look, { server, signal });
  }
  return look;
}

/** A server that cannot be looked at keeps nobody from looking at the others. */
async function addServer(
  needs: ReconcileNeeds,
  look: Consistency,
  { server, signal }: { server: Server; signal: AbortSignal },
): Promise<void> {
  try {
    const { findings, compared } = await lookAtServer(needs, { id: server.id, name: server.name });
    look.found.push(...findings);
    look.compared.servers += 1;
    for (const [what, number] of Object.entries(compared)) look.compared[what as keyof Compared] += number;
  } catch (error) {
    look.unchecked.push(toUnchecked(error, { subject: server.name, signal, log: needs.log }));
  }
}
