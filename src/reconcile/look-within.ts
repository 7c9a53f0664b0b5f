import { AppError } from '../errors/app-error.ts';
import { listActiveTenants } from '../registry/repositories/named-objects.ts';
import { findTenant, type Tenant } from '../registry/repositories/tenants.ts';
import type { Found } from './finding.ts';
import type { Server } from './look-at-server.ts';
import { type ReconcileNeeds, withSession } from './reconcile-needs.ts';
import { type Visit, visitTenant } from './visit-tenant.ts';

/** Each takes a connection of either role and some tens of milliseconds of the server. */
const atOnce = 4;
const pageSize = 200;

export type InnerLook = { findings: Found[]; unchecked: { subject: string; reason: string }[] };
export type InnerLookOptions = {
  /** Tenants of which is known already that something is wrong. */
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
    await visitAll(needs, { due, server, signal, look });
    after = page.at(-1)?.id;
    if (page.length < pageSize) return look;
  }
}

type Round = { due: Tenant[]; server: Server; signal: AbortSignal; look: InnerLook };

/** A few at once, each with a session of its own on the server. */
async function visitAll(needs: ReconcileNeeds, { due, server, signal, look }: Round): Promise<void> {
  const lane = () =>
    withSession(needs, server.id, async (session, address) => {
      for (let tenant = due.shift(); tenant !== undefined; tenant = due.shift()) {
        signal.throwIfAborted();
        await lookAtTenant(needs, { tenant, server, session, address }, look);
      }
    });
  await Promise.all(Array.from({ length: Math.min(atOnce, due.length) }, lane));
}

async function lookAtTenant(needs: ReconcileNeeds, visit: Visit, look: InnerLook): Promise<void> {
  try {
    const found = await visitTenant(needs, visit);
    // What was changed meanwhile is no longer what was looked at.
    if (found.length > 0 && (await isUnchanged(needs, visit.tenant))) look.findings.push(...found);
  } catch (error) {
    // Its own connections may all be in use: nothing is wrong with it, and it was not looked at.
    if (!(error instanceof AppError) || error.retry !== 'soon') throw error;
    look.unchecked.push({ subject: visit.tenant.slug, reason: error.message });
  }
}

async function isUnchanged({ registry }: ReconcileNeeds, { id, generation }: Tenant): Promise<boolean> {
  const now = await findTenant(registry, id);
  return now?.status === 'active' && now.generation === generation;
}
