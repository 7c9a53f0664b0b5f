import type { FastifyInstance, FastifyRequest } from 'fastify';
import { errors } from '../../errors/catalogue.ts';
import type { AdminKey } from '../admin-key.ts';
import {
  type Access,
  type AdminScope,
  anonymous,
  type Caller,
  includesScope,
  type Member,
  type MemberClaims,
  neededScope,
  type OperatorAccess,
} from '../caller.ts';
import type { RateLimits } from '../rate-limits.ts';
import { limitCall, limitRefusal } from './limit-rates.ts';

export type AuthenticateNeeds = {
  /** Undefined with ENABLE_RATE_LIMITING=false. */
  limits?: RateLimits | undefined;
  /** @throws errors.notAuthenticated */
  verifyAccessToken: (token: string) => Promise<MemberClaims>;
  adminKey: AdminKey;
};

/** Sets `request.caller` and refuses whoever may not call the route, before the body is read. */
export function authenticate(app: FastifyInstance, needs: AuthenticateNeeds): void {
  app.decorateRequest('caller');
  const { limits } = needs;
  app.addHook('onRequest', async (request, reply) => {
    try {
      request.caller = await identifyCaller(request, needs);
    } catch (error) {
      if (limits !== undefined) await limitRefusal(limits, request, error);
      throw error;
    }
    if (limits !== undefined) await limitCall(limits, request, reply);
  });
}

async function identifyCaller(request: FastifyRequest, needs: AuthenticateNeeds): Promise<Caller> {
  const access = request.is404 ? 'anyone' : (request.routeOptions.config.access ?? 'operator-owner');
  if (access === 'anyone') return anonymous;
  const proof = readProof(request);
  const scope = neededScope(access);
  if (scope !== undefined) return identifyOperator(scope, proof, needs);
  return identifyMember(access as MemberAccess, proof.bearer, needs);
}

/** What a request brings to prove who sent it. */
type Proof = { bearer: string | undefined; keys: readonly string[] };

function readProof(request: FastifyRequest): Proof {
  const authorization = onlyHeader(request, 'authorization');
  const bearer = authorization === undefined ? undefined : /^Bearer +(\S+)$/i.exec(authorization)?.[1];
  if (authorization !== undefined && bearer === undefined) throw errors.notAuthenticated();
  const keys = [onlyHeader(request, 'x-admin-key'), onlyHeader(request, 'x-admin-api-key')];
  return { bearer, keys: keys.filter((key) => key !== undefined) };
}

/** Node joins repeated headers, or keeps the first: which of two proofs counts must not depend on that. */
function onlyHeader(request: FastifyRequest, name: string): string | undefined {
  const { rawHeaders } = request.raw;
  const isRepeated =
    rawHeaders.filter((header, at) => at % 2 === 0 && header.toLowerCase() === name).length > 1;
  const value = request.headers[name];
  if (isRepeated || Array.isArray(value)) throw errors.notAuthenticated();
  return value;
}

type MemberAccess = Exclude<Access, 'anyone' | OperatorAccess>;

async function identifyMember(
  access: MemberAccess,
  token: string | undefined,
  { verifyAccessToken }: AuthenticateNeeds,
): Promise<Member> {
  if (token === undefined) throw errors.notAuthenticated();
  const claims = await verifyAccessToken(token);
  if (access !== 'member' && claims.tenantId === null) throw errors.forbidden('a token of an organization');
  if (access === 'tenant-admin' && claims.role !== 'ADMIN') throw errors.forbidden('the role ADMIN');
  return { kind: 'member', ...claims };
}

async function identifyOperator(needed: AdminScope, proof: Proof, needs: AuthenticateNeeds): Promise<Caller> {
  const { bearer, keys } = proof;
  if (bearer !== undefined && looksLikeToken(bearer)) {
    // Two proofs of two persons: neither is believed.
    if (keys.length > 0) throw errors.invalidAdminKey();
    return identifySuperAdmin(bearer, needs);
  }
  const presented = bearer === undefined ? keys : [...keys, bearer];
  const key = await needs.adminKey.check(presented);
  if (!includesScope(key.scope, needed)) throw errors.forbidden(`an admin key of scope ${needed}`);
  return { kind: 'operator', ...key };
}

async function identifySuperAdmin(token: string, needs: AuthenticateNeeds): Promise<Member> {
  const claims = await needs.verifyAccessToken(token);
  if (claims.role !== 'SUPER_ADMIN') throw errors.forbidden('an operator');
  return { kind: 'member', ...claims };
}

/** A compact JWS: three parts, the first of which is a JSON object. An admin key may contain dots, too. */
function looksLikeToken(text: string): boolean {
  return text.split('.').length === 3 && text.startsWith('eyJ');
}
