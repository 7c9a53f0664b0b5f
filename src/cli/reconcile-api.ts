import { z } from 'zod';
import { type Ask, preference } from './ask.ts';

const finding = z.looseObject({
  invariant: z.string(),
  kind: z.string(),
  server: z.string().nullish(),
  subject: z.string(),
  detail: z.string(),
  repair: z.looseObject({ action: z.string(), sentence: z.string() }).nullish(),
});
export type Finding = z.infer<typeof finding>;

const repair = z.looseObject({
  subject: z.string(),
  actions: z.array(z.string()),
  outcome: z.string(),
  detail: z.string().nullish(),
});

export const reconcileReport = z.looseObject({
  compared: z.record(z.string(), z.number()),
  findings: z.array(finding),
  omitted: z.number().default(0),
  unchecked: z.array(z.looseObject({ subject: z.string(), reason: z.string() })),
  omitted_unchecked: z.number().default(0),
  quarantined: z
    .array(
      z.looseObject({
        server: z.string(),
        name: z.string(),
        reason: z.string(),
        released_at: z.string().nullish(),
      }),
    )
    .default([]),
  /** Of an apply. */
  repairs: z.array(repair).optional(),
  omitted_repairs: z.number().default(0),
});
export type ReconcileReport = z.infer<typeof reconcileReport>;

export const dropped = z.looseObject({ dropped: z.string(), server: z.string() });
export const released = z.looseObject({ released: z.string(), server: z.string() });

const started = z.looseObject({ job_id: z.string() });
const path = '/api/admin/reconcile';

type Choice = { name: string; server?: string };

export function createReconcileCalls(ask: Ask) {
  const waiting = (waitSeconds: number) => ({ prefer: preference(waitSeconds) });
  return {
    /** What was found when it ended within the wait, else the job that is at it. */
    planReconcile: (depth: string, waitSeconds: number) =>
      ask(
        { method: 'GET', path, query: { depth }, headers: waiting(waitSeconds) },
        z.union([reconcileReport, started]),
      ),
    applyReconcile: (depth: string, waitSeconds: number) =>
      ask(
        { method: 'POST', path: `${path}/apply`, body: { depth }, headers: waiting(waitSeconds) },
        z.union([reconcileReport, started]),
      ),
    dropQuarantined: (body: Choice, waitSeconds: number) =>
      ask(
        { method: 'POST', path: `${path}/drop-quarantined`, body, headers: waiting(waitSeconds) },
        z.union([dropped, started]),
      ),
    releaseQuarantined: (body: Choice, waitSeconds: number) =>
      ask(
        { method: 'POST', path: `${path}/release-quarantined`, body, headers: waiting(waitSeconds) },
        z.union([released, started]),
      ),
  };
}
