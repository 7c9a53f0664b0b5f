import { randomBytes } from 'node:crypto';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { v7 as uuidv7 } from 'uuid';
import { z } from 'zod';
import { errors } from '../../errors/catalogue.ts';
import type { RegistryDatabase } from '../../registry/registry-database.ts';
import {
  type AdminKeyRow,
  insertAdminKey,
  listAdminKeys,
  revokeAdminKey,
} from '../../registry/repositories/admin-keys.ts';
import { recordAudit } from '../../registry/repositories/audit-log.ts';
import { hashAdminKey } from '../admin-key.ts';
import { actorOf, adminScopes } from '../caller.ts';
import { humanText, success, timestamp, uuid } from '../schemas.ts';

export type AdminKeysNeeds = { registry: RegistryDatabase; now?: () => Date };

const scope = z.enum(adminScopes).meta({
  description: 'read: look; operate: change what can be put right again; owner: keys and servers as well.',
});
const newKey = z.strictObject({
  name: humanText(1, 100).meta({ description: 'Who has it, or what for.', examples: ['monitoring'] }),
  scope,
  expires_at: z.iso
    .datetime({ offset: true })
    .nullish()
    .meta({ description: 'From then on it is refused. Left out: it holds until it is revoked.' }),
});
const keyAnswer = z.object({
  id: uuid,
  name: z.string(),
  scope,
  status: z.enum(['active', 'expired', 'revoked']),
  created_by: z.string(),
  created_at: timestamp,
  expires_at: timestamp.nullable(),
  last_used_at: timestamp.nullable().meta({ description: 'To the minute.' }),
  revoked_at: timestamp.nullable(),
});
const madeAnswer = keyAnswer.extend({ key: z.string().meta({ description: 'Shown this once.' }) });
const params = z.object({ id: z.uuid() });
const config = { access: 'operator-owner' } as const;
const tags = ['Admin'];

type Api = Parameters<FastifyPluginAsyncZod>[0];

/** Keys to the admin API beside SUPER_ADMIN_KEY, each with what it may do. */
export function adminKeysRoutes({ registry, now = () => new Date() }: AdminKeysNeeds): FastifyPluginAsyncZod {
  const needs = { registry, now };
  return async (api) => {
    addList(api, needs);
    addCreation(api, needs);
    addRevocation(api, needs);
  };
}

function addList(api: Api, { registry, now }: Required<AdminKeysNeeds>): void {
  const schema = { tags, summary: 'List admin keys', response: { 200: success(z.array(keyAnswer)) } };
  api.get('/api/admin/keys', { config, schema }, async () => ({
    success: true as const,
    data: (await listAdminKeys(registry)).map((key) => toAnswer(key, now())),
  }));
}

function addCreation(api: Api, { registry, now }: Required<AdminKeysNeeds>): void {
  const summary = 'Make an admin key; the answer is the only place where it can be read';
  const schema = { tags, summary, body: newKey, response: { 201: success(madeAnswer) } };
  api.post('/api/admin/keys', { config: { ...config, idempotent: true }, schema }, async (request, reply) => {
    const { name, scope: wanted, expires_at: expiry } = request.body;
    const expiresAt = expiry === undefined || expiry === null ? null : new Date(expiry);
    if (expiresAt !== null && expiresAt <= now()) {
      throw errors.invalidRequest([{ path: 'expires_at', message: 'must be in the future' }]);
    }
    const key = `tmk_${randomBytes(32).toString('base64url')}`;
    const actor = actorOf(request.caller);
    const made = await registry.transaction().execute(async (trx) => {
      const row = await insertAdminKey(trx, {
        id: uuidv7(),
        name,
        scope: wanted,
        hash: hashAdminKey(key),
        createdBy: `${actor.kind} ${actor.id}`,
        expiresAt,
      });
      const after = { id: row.id, name, scope: wanted, expiresAt: expiresAt?.toISOString() ?? null };
      await recordAudit(trx, { actor, action: 'admin_key.created', after, requestId: request.id });
      return row;
    });
    reply.code(201).header('cache-control', 'no-store');
    return { success: true as const, data: { ...toAnswer(made, now()), key } };
  });
}

function addRevocation(api: Api, { registry, now }: Required<AdminKeysNeeds>): void {
  const summary = 'Revoke an admin key; it is refused everywhere at once';
  const schema = { tags, summary, params, response: { 200: success(keyAnswer) } };
  api.delete('/api/admin/keys/:id', { config, schema }, async (request) => {
    const actor = actorOf(request.caller);
    const revoked = await registry.transaction().execute(async (trx) => {
      const row = await revokeAdminKey(trx, request.params.id);
      if (row === undefined) throw errors.notFound('admin key that is not revoked yet');
      const { id, name, scope: had } = row;
      const before = { id, name, scope: had };
      await recordAudit(trx, { actor, action: 'admin_key.revoked', before, requestId: request.id });
      return row;
    });
    return { success: true as const, data: toAnswer(revoked, now()) };
  });
}

function toAnswer(key: AdminKeyRow, now: Date): z.infer<typeof keyAnswer> {
  return {
    id: key.id,
    name: key.name,
    scope: key.scope,
    status: statusOf(key, now),
    created_by: key.createdBy,
    created_at: key.createdAt.toISOString(),
    expires_at: key.expiresAt?.toISOString() ?? null,
    last_used_at: key.lastUsedAt?.toISOString() ?? null,
    revoked_at: key.revokedAt?.toISOString() ?? null,
  };
}

function statusOf({ revokedAt, expiresAt }: AdminKeyRow, now: Date): 'active' | 'expired' | 'revoked' {
  if (revokedAt !== null) return 'revoked';
  return expiresAt !== null && expiresAt <= now ? 'expired' : 'active';
}
