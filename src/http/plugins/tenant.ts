import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type pg from 'pg';
import { errors } from '../../errors/catalogue.ts';
import type { Lease, LeaseOptions } from '../../routing/lease.ts';
import { refusalOf } from '../../routing/refusal.ts';
import type { ResolvedTenant } from '../../routing/resolved-tenant.ts';
import type { Routing } from '../../routing/routing.ts';
import { requireTenantMember } from '../require-member.ts';
import { goneAway } from './closing-signal.ts';

export type TenantNeeds = Pick<Routing, 'resolveTenant' | 'lease'>;

export type SessionUse = Pick<LeaseOptions, 'changesSession'>;

/** The tenant that the caller's token names, and the way to its rows. */
export type RequestTenant = Omit<ResolvedTenant, 'database'> & {
  /** For as long as the answer takes at most: it is taken back when the connection to the caller closes. */
  lease(use?: SessionUse): Promise<Lease>;
  /** Works on a connection of the tenant's own role. A caller who goes away ends the running statement. */
  withDatabase<Result>(work: (client: pg.Client) => Promise<Result>, use?: SessionUse): Promise<Result>;
};

declare module 'fastify' {
  interface FastifyRequest {
    /** Set on routes with the access `tenant-member` and `tenant-admin`. */
    tenant: RequestTenant | undefined;
  }
}

/** Finds the tenant of a request after the caller is known, and refuses those that take no requests. */
export function addRequestTenant(app: FastifyInstance, needs: TenantNeeds): void {
  app.decorateRequest('tenant');
  app.addHook('onRequest', async (request, reply) => {
    const { access } = request.routeOptions.config;
    if (request.is404 || (access !== 'tenant-member' && access !== 'tenant-admin')) return;
    const tenant = await findTenant(request, needs);
    request.tenant = { ...withoutDatabase(tenant), ...createLender(tenant, reply, needs) };
  });
}

/** @throws not_authenticated where the route's access is not for members of a tenant. */
export function requireTenant({ tenant }: FastifyRequest): RequestTenant {
  if (tenant === undefined) throw errors.notAuthenticated();
  return tenant;
}

async function findTenant(request: FastifyRequest, { resolveTenant }: TenantNeeds): Promise<ResolvedTenant> {
  const { tenantId } = requireTenantMember(request.caller);
  const tenant = await resolveTenant({ id: tenantId });
  // The value says itself whose it is: no mistake of a cache lends one tenant's database to another.
  if (tenant?.id !== tenantId) throw errors.tenantNotFound();
  assertSameTenant(request, tenant);
  const refusal = refusalOf(tenant.status);
  if (refusal !== undefined) throw refusal;
  if (tenant.status === 'read_only' && isWrite(request)) throw errors.tenantReadOnly();
  return tenant;
}

/** The header may repeat what the token says. Node joins several of them, which then name no tenant. */
function assertSameTenant({ headers }: FastifyRequest, { id, slug }: ResolvedTenant): void {
  const named = headers['x-tenant-key'];
  if (named !== undefined && named !== slug && named !== id) throw errors.tenantMismatch();
}

const isWrite = ({ method }: FastifyRequest) => !['GET', 'HEAD', 'OPTIONS'].includes(method);

function withoutDatabase({ database: _, ...tenant }: ResolvedTenant): Omit<ResolvedTenant, 'database'> {
  return tenant;
}

/** Lends connections for one request, and takes back what is still out when its answer is over. */
function createLender(tenant: ResolvedTenant, reply: FastifyReply, needs: TenantNeeds) {
  const out = new Set<Lease>();
  let gone: AbortSignal | undefined;

  function watch(): AbortSignal {
    if (gone !== undefined) return gone;
    gone = goneAway(reply);
    // The reply's raw `close`: `onResponse` does not come when the caller goes away.
    gone.addEventListener('abort', () => {
      for (const lease of out) takeBack(lease, reply.raw.writableFinished);
    });
    return gone;
  }

  async function lease(use: SessionUse = {}): Promise<Lease> {
    if (reply.raw.closed) throw errors.clientClosedRequest();
    const signal = watch();
    const taken = await needs.lease(tenant, { ...use, signal });
    out.add(taken);
    if (!signal.aborted) return taken;
    takeBack(taken, true);
    throw errors.clientClosedRequest();
  }

  function takeBack(taken: Lease, isAnswered: boolean): void {
    out.delete(taken);
    if (isAnswered) taken.release();
    else taken.abandon();
  }

  async function withDatabase<Result>(work: (client: pg.Client) => Promise<Result>, use?: SessionUse) {
    const taken = await lease(use);
    try {
      return await work(taken.client);
    } catch (error) {
      throw gone?.aborted ? errors.clientClosedRequest().causedBy(error) : error;
    } finally {
      takeBack(taken, true);
    }
  }

  return { lease, withDatabase };
}
