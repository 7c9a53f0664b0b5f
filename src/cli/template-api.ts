import { z } from 'zod';
import { type Ask, preference } from './ask.ts';

const copy = z.looseObject({
  server: z.string(),
  status: z.string(),
  database_name: z.string(),
  size_bytes: z.number().nullish(),
  built_at: z.string().nullish(),
  looked_at: z.string().nullish(),
  warm: z.number().nullish(),
  tenants_in_making: z.number().nullish(),
});
export type TemplateCopy = z.infer<typeof copy>;

const version = z.looseObject({
  id: z.string(),
  source_fingerprint: z.string(),
  created_at: z.string(),
  not_carried: z.array(z.string()),
  copies: z.array(copy),
});
export type TemplateVersion = z.infer<typeof version>;

/** As `GET /api/admin/templates` shows it; members that this program does not know stay. */
const template = z.looseObject({
  id: z.string(),
  key: z.string(),
  source_database: z.string(),
  data_tables: z.array(z.string()),
  created_at: z.string().nullish(),
  trouble: z.looseObject({ code: z.string(), message: z.string() }).nullish(),
  drift: z.boolean().nullish(),
  warm: z.number().nullish(),
  versions: z.array(version),
  building: z.array(copy),
});
export type Template = z.infer<typeof template>;

const added = template.extend({ job_id: z.string() });

export const refreshed = z.looseObject({
  template: z.string(),
  servers: z.array(z.looseObject({ server: z.string(), outcome: z.string() })),
});
export type Refreshed = z.infer<typeof refreshed>;

const started = z.looseObject({ job_id: z.string() });

const job = z.looseObject({
  status: z.string(),
  result: z.unknown().optional(),
  error: z.looseObject({ code: z.string(), message: z.string() }).nullish(),
});
export type Job = z.infer<typeof job>;

export type NewTemplate = { key: string; source_database: string; data_tables: string[] };

const templatesPath = '/api/admin/templates';
const pathOf = (key: string) => `${templatesPath}/${encodeURIComponent(key)}`;

/** Templates and the jobs that work on them. A template is named by id or key. */
export function createTemplateCalls(ask: Ask) {
  return {
    listTemplates: () => ask({ method: 'GET', path: templatesPath }, z.array(template)),
    findTemplate: (key: string) => ask({ method: 'GET', path: pathOf(key) }, template),
    addTemplate: (body: NewTemplate) => ask({ method: 'POST', path: templatesPath, body }, added),
    /** What it did when it ended within the wait, else the job that is at it. */
    refreshTemplate: (key: string, waitSeconds: number) =>
      ask(
        {
          method: 'POST',
          path: `${pathOf(key)}/refresh`,
          headers: { prefer: preference(waitSeconds) },
        },
        z.union([refreshed, started]),
      ),
    readJob: (id: string) => ask({ method: 'GET', path: `/api/admin/jobs/${encodeURIComponent(id)}` }, job),
  };
}
