import { z } from 'zod';
import type { JsonValue } from '../registry/tables.generated.ts';

/** Who asked for it, for the audit log. */
const actor = z.strictObject({
  kind: z.enum(['system', 'operator', 'user', 'anonymous']),
  id: z.string().nullable(),
});

/** Every kind of task, with the parameters that it takes. They are kept in clear and shown to operators. */
export const taskKinds = {
  'templates.refresh': z.strictObject({ template_id: z.uuid() }),
  'reconcile.plan': z.strictObject({ depth: z.enum(['catalog', 'deep']) }),
  'reconcile.apply': z.strictObject({ depth: z.enum(['catalog', 'deep']) }),
  'doctor.check': z.strictObject({}),
  'doctor.fix': z.strictObject({}),
  'reconcile.drop': z.strictObject({ server: z.string().optional(), name: z.string() }),
  'tenant.rotate-credentials': z.strictObject({
    tenant_id: z.uuid(),
    reason: z.string().optional(),
    actor,
  }),
  'servers.check': z.strictObject({ server_id: z.uuid() }),
  'servers.remove': z.strictObject({ server_id: z.uuid(), actor }),
  'reconcile.release': z.strictObject({ server: z.string().optional(), name: z.string() }),
} as const;

export type TaskKind = keyof typeof taskKinds;
export type TaskParameters<Kind extends TaskKind> = z.infer<(typeof taskKinds)[Kind]>;

/** Runs one task. May run again after a crash in the middle of itself; its result is shown to operators. */
export type TaskHandler<Kind extends TaskKind> = (
  parameters: TaskParameters<Kind>,
  signal: AbortSignal,
) => Promise<JsonValue>;

export type TaskHandlers = { readonly [Kind in TaskKind]: TaskHandler<Kind> };
