import { listActiveTenants } from '../registry/repositories/named-objects.ts';
import { findTenant, type Tenant } from '../registry/repositories/tenants.ts';
import type { Found } from './finding.ts';
import type { Server } from './look-at-server.ts';
import { type ReconcileNeeds, withSession } from './reconcile-needs.ts';
import { toUnchecked, type Unchecked } from './unchecked.ts';
import { visitTenant } from './visit-tenant.ts';

/** Each takes a connection of either role and some tens of milliseconds of the server. */
const atOnce = 4;
const pageSize = 200;

const notYet = 'what is wrong with it from outside is to be mended first; then look again';

export type InnerLook = { findings: Found[]; unchecked: Unchecked[] };
export type InnerLookOptions = {
  /** By id: tenants of which something is to be mended from outside first. */
  except: ReadonlySet<string>;
  signal: AbortSignal;
};

/** Logs in to every active tenant's database as both of its roles, and compares what it sees with what was kept. */
export async function lookWithin(
  needs: ReconcileNeeds,
  server: Server,
  { except, signal }: InnerLookOptions,
): Promise<InnerLook> {
  const look: InnerLook = { findings: [], unchecked: [] };
  let after: string | undefined;
  for (;;) {
    signal.throwIfAborted();
    const page = await listActiveTenants(needs.registry, { serverId: server.id, after, limit: pageSize });
    const due = page.filter(({ id }) => !except.has(id));
    const others = page.filter(({ id }) => except.has(id));
    look.unchecked.push(...others.map(({ slug }) => ({ subject: slug, reason: notYet })));
    try {
      await visitAll(needs, { due, server, signal, look });
    } catch (error) {
      // The server itself: its other tenants cannot be visited either.
      look.unchecked.push(toUnchecked(error, { subject: server.name, signal, log: needs.log }));
      return look;
    }
    after = page.at(-1)?.id;
    if (page.length < pageSize) return look;
  }
}

type Round = { due: Tenant[]; server: Server; signal: AbortSignal; look: InnerLook };

/**
 * A few at once, each with a session of its own on the server, and all of them are waited for.
 * @throws why a session could not be had
 */
async function visitAll(needs: ReconcileNeeds, round: Round): Promise<void> {
  const lane = async () => {
    while (round.due.length > 0) await visitUntilTrouble(needs, round);
  };
  const lanes = Array.from({ length: Math.min(atOnce, round.due.length) }, lane);
  const failed = (await Promise.allSettled(lanes)).find(({ status }) => status === 'rejected');
  if (failed?.status === 'rejected') throw failed.reason;
}

/** Nobody knows what trouble has left of the session, so that the next tenant gets a new one. */
async function visitUntilTrouble(needs: ReconcileNeeds, round: Round): Promise<void> {
  const { due, server, signal, look } = round;
  await withSession(needs, server.id, async (session, address) => {
    for (let tenant = due.shift(); tenant !== undefined; tenant = due.shift()) {
      signal.throwIfAborted();
      try {
        const found = await visitTenant(needs, { tenant, server, session, address });
        // What was changed meanwhile is no longer what was looked at.
        if (found.length > 0 && (await isUnchanged(needs, tenant))) look.findings.push(...found);
      } catch (error) {
        look.unchecked.push(toUnchecked(error, { subject: tenant.slug, signal, log: needs.log }));
        return;
      }
    }
  });
}

/** Passwords that are being changed are no finding of their own: there is one for a change that nobody finishes. */
async function isUnchanged({ registry }: ReconcileNeeds, tenant: Tenant): Promise<boolean> {
  const { id, generation, sealedApplicationPassword } = tenant;
  const now = await findTenant(registry, id);
  if (now?.status !== 'active' || now.generation !== generation) return false;
  const isRotating = now.pendingApplicationPassword !== null || tenant.pendingApplicationPassword !== null;
  return !isRotating && now.sealedApplicationPassword === sealedApplicationPassword;
}
