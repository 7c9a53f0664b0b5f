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

/** What an admin key may do; each scope includes those before it. */
export const adminScopes = ['read', 'operate', 'owner'] as const;
export type AdminScope = (typeof adminScopes)[number];

export type Operator = { kind: 'operator'; keyId: string; scope: AdminScope };

/** Who sent the request, as it was proven. */
export type Caller = Anonymous | Member | Operator;

/** Of a holder of an admin key, whose scope must reach so far, or of a SUPER_ADMIN, who may do everything. */
export type OperatorAccess = 'operator-read' | 'operator' | 'operator-owner';

/** Who may call a route. `tenant-member` and `tenant-admin` need a token that names a tenant. */
export type Access = 'anyone' | 'member' | 'tenant-member' | 'tenant-admin' | OperatorAccess;

const scopeOfAccess: Readonly<Record<OperatorAccess, AdminScope>> = {
  'operator-read': 'read',
  operator: 'operate',
  'operator-owner': 'owner',
};

/** The scope that a route needs; undefined where it is not for operators. */
export function neededScope(access: Access): AdminScope | undefined {
  return access in scopeOfAccess ? scopeOfAccess[access as OperatorAccess] : undefined;
}

export function includesScope(held: AdminScope, needed: AdminScope): boolean {
  return adminScopes.indexOf(held) >= adminScopes.indexOf(needed);
}

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
