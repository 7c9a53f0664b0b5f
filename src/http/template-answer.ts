import { z } from 'zod';
import type { CopyOverview, TemplateOverview } from '../registry/repositories/template-overview.ts';
import { timestamp, uuid } from './schemas.ts';
import { jobError } from './task-answers.ts';

const copy = z.object({
  id: uuid,
  server: z.string(),
  status: z.enum(['building', 'ready', 'retiring', 'dropping']),
  database_name: z.string(),
  size_bytes: z.number().int().nullable(),
  built_at: timestamp.nullable(),
  looked_at: timestamp.nullable().meta({ description: 'When its source was last looked at.' }),
  drift: z
    .boolean()
    .nullable()
    .meta({ description: 'Whether that look saw another source than it was made of.' }),
  warm: z.number().int().meta({ description: 'Databases made from it that wait for a tenant.' }),
  tenants_in_making: z.number().int(),
});

const version = z.object({
  id: uuid,
  source_fingerprint: z.string(),
  created_at: timestamp,
  not_carried: z.array(z.string()).meta({ description: 'What of the source tenants do not get, and why.' }),
  copies: z.array(copy),
});

export const templateAnswer = z.object({
  id: uuid,
  key: z.string(),
  source_database: z.string(),
  data_tables: z.array(z.string()),
  created_at: timestamp,
  trouble: jobError.nullable().meta({ description: 'Why the last look gave no template.' }),
  drift: z.boolean().nullable().meta({
    description:
      'Whether the last look saw another source than the copies in use were made of; null before the first.',
  }),
  warm: z.number().int(),
  versions: z.array(version),
  building: z.array(copy),
});

/** What a refresh did on each server. */
export const refreshAnswer = z.object({
  template: z.string(),
  servers: z.array(
    z.object({
      server: z.string(),
      outcome: z.enum(['built', 'unchanged']),
      version_id: uuid.nullable(),
      copy_id: uuid,
    }),
  ),
});

export function toTemplateAnswer(template: TemplateOverview): z.infer<typeof templateAnswer> {
  const copies = template.copies.map((each) => ({ versionId: each.templateVersionId, answer: toCopy(each) }));
  const copiesOf = (id: string | null) =>
    copies.filter(({ versionId }) => versionId === id).map(({ answer }) => answer);
  const used = copies.filter(({ answer }) => answer.status === 'ready').map(({ answer }) => answer);
  const { troubleCode: code, troubleDetail: detail } = template;
  return {
    id: template.id,
    key: template.key,
    source_database: template.sourceDatabase,
    data_tables: template.dataTables,
    created_at: template.createdAt.toISOString(),
    trouble: code === null ? null : { code, message: detail ?? '' },
    drift: used.length === 0 ? null : used.some(({ drift }) => drift === true),
    warm: copies.reduce((sum, { answer }) => sum + answer.warm, 0),
    versions: template.versions.map(({ id, sourceFingerprint, createdAt, notCarried }) => ({
      id,
      source_fingerprint: sourceFingerprint.slice(0, 12),
      created_at: createdAt.toISOString(),
      not_carried: sentencesOf(notCarried),
      copies: copiesOf(id),
    })),
    building: copiesOf(null),
  };
}

function toCopy(each: CopyOverview): z.infer<typeof copy> {
  const { seenFingerprint, sourceFingerprint } = each;
  return {
    id: each.id,
    server: each.server,
    status: each.status,
    database_name: each.databaseName,
    size_bytes: each.sizeBytes,
    built_at: each.builtAt?.toISOString() ?? null,
    looked_at: each.lookedAt?.toISOString() ?? null,
    drift: seenFingerprint === null ? null : seenFingerprint !== sourceFingerprint,
    warm: each.warmDatabases ?? 0,
    tenants_in_making: each.tenantsInMaking ?? 0,
  };
}

const leftOut = z.array(z.object({ kind: z.string(), name: z.string(), why: z.string() }));

function sentencesOf(notCarried: unknown): string[] {
  return leftOut
    .parse(notCarried)
    .map(({ kind, name, why }) => `${sentenceCase(kind)} ${name} is not carried: ${why.replace(/\.$/, '')}.`);
}

const sentenceCase = (text: string) => `${text.charAt(0).toUpperCase()}${text.slice(1)}`;
