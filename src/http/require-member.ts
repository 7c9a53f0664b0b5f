import { errors } from '../errors/catalogue.ts';
import type { Caller, Member } from './caller.ts';

export type TenantMember = Member & { tenantId: string; tenantKey: string };

/** For routes with the access `member`. @throws not_authenticated */
export function requireMember(caller: Caller): Member {
  if (caller.kind !== 'member') throw errors.notAuthenticated();
  return caller;
}

/** For routes with the access `tenant-member` or `tenant-admin`. @throws not_authenticated, forbidden */
export function requireTenantMember(caller: Caller): TenantMember {
  const member = requireMember(caller);
  if (!isOfTenant(member)) throw errors.forbidden('a token of an organization');
  return member;
}

function isOfTenant(member: Member): member is TenantMember {
  return member.tenantId !== null && member.tenantKey !== null;
}
