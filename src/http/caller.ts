import type { Actor } from '../registry/repositories/audit-log.ts';

/** The claims of an access token that the API works with. */
export type MemberClaims = {
  userId: string;
  /** null for a SUPER_ADMIN, who belongs to no tenant. */
  tenantId: string | null;
  tenantKey: string | null;
  role: 'USER' | 'ADMIN' | 'SUPER_ADMIN';
  sessionId: string;
};

export type Anonymous = { kind: 'anonymous' };
export type Member = { kind: 'member' } & MemberClaims;
export type Operator = { kind: 'operator'; keyId: string };

/** Who sent the request, as it was proven. */
export type Caller = Anonymous | Member | Operator;

/**
 * Who may call a route. `tenant-member` and `tenant-admin` need a token that names a tenant; `operator` is the
 * holder of an admin key or a SUPER_ADMIN.
 */
export type Access = 'anyone' | 'member' | 'tenant-member' | 'tenant-admin' | 'operator';

export const anonymous: Anonymous = { kind: 'anonymous' };

/** The caller as the audit log names it. */
export function actorOf(caller: Caller): Actor {
  switch (caller.kind) {
    case 'anonymous':
      return { kind: 'anonymous', id: null };
    case 'operator':
      return { kind: 'operator', id: caller.keyId };
    case 'member':
      return { kind: caller.role === 'SUPER_ADMIN' ? 'operator' : 'user', id: caller.userId };
  }
}

declare module 'fastify' {
  interface FastifyRequest {
    caller: Caller;
  }

  interface FastifyContextConfig {
    /** Every route has one; without it the start fails. */
    access?: Access;
  }
}
