import { z } from 'zod';
import type { ServerSummary } from '../registry/repositories/server-admin.ts';
import { timestamp, uuid } from './schemas.ts';
import { jobError } from './task-answers.ts';

/** A database server as operators see it: never with its login. */
export const serverAnswer = z.object({
  id: uuid,
  name: z.string(),
  host: z.string(),
  port: z.int(),
  tls: z.enum(['disable', 'require', 'verify-full']),
  region: z.string(),
  status: z.enum(['open', 'draining', 'unchecked']).meta({
    description: 'Only an open one gets new tenants. An unchecked one has not passed its test yet.',
  }),
  is_from_environment: z.boolean().meta({
    description: 'It is the one of POSTGRES_HOST; the environment of the workers says where it is.',
  }),
  weight: z.int(),
  capacity_databases: z.int(),
  capacity_bytes: z.int().nullable(),
  tenants: z.int(),
  warm: z.int().meta({ description: 'Finished databases that wait for a tenant.' }),
  template_copies: z.int(),
  quarantined: z.int(),
  used_bytes: z.int().meta({ description: 'Of tenants’ databases, as far as their sizes are known.' }),
  budget: z
    .object({
      total: z.int().meta({ description: 'Connections that tenants may have, over all processes.' }),
      allowed: z.int().meta({ description: 'What of it is given out to processes.' }),
      wanted: z.int(),
      explanation: z.string(),
      looked_at: timestamp.nullable(),
    })
    .nullable(),
  version: z.string().nullable().meta({ description: 'As its last test found it.' }),
  checked_at: timestamp.nullable(),
  trouble: jobError.nullable().meta({ description: 'What its last test found wrong.' }),
  created_at: timestamp,
});

export function toServerAnswer(server: ServerSummary): z.infer<typeof serverAnswer> {
  const { budget, versionNum, troubleCode, troubleDetail } = server;
  return {
    id: server.id,
    name: server.name,
    host: server.host,
    port: server.port,
    tls: serverAnswer.shape.tls.parse((server.tls as { mode?: unknown }).mode),
    region: server.region,
    status: server.status,
    is_from_environment: server.isFromEnvironment,
    weight: server.weight,
    capacity_databases: server.capacityDatabases,
    capacity_bytes: server.capacityBytes,
    tenants: server.tenants,
    warm: server.warm,
    template_copies: server.templateCopies,
    quarantined: server.quarantined,
    used_bytes: server.usedBytes,
    budget:
      budget === null
        ? null
        : {
            total: budget.total,
            allowed: budget.allowed,
            wanted: budget.wanted,
            explanation: budget.explanation,
            looked_at: budget.lookedAt?.toISOString() ?? null,
          },
    version: versionNum === null ? null : `${Math.floor(versionNum / 10_000)}.${versionNum % 10_000}`,
    checked_at: server.checkedAt?.toISOString() ?? null,
    trouble: troubleCode === null ? null : { code: troubleCode, message: troubleDetail ?? '' },
    created_at: server.createdAt.toISOString(),
  };
}
