import { z } from 'zod';
import { type Ask, preference } from './ask.ts';

const check = z.looseObject({
  check: z.string(),
  status: z.string(),
  subject: z.string(),
  detail: z.string(),
  remedy: z.string().nullish(),
  fixable: z.boolean().nullish(),
});
export type DoctorCheck = z.infer<typeof check>;

export const doctorReport = z.looseObject({
  by: z.string(),
  looked_at: z.string(),
  checks: z.array(check),
  fixed: z.array(z.looseObject({ subject: z.string(), detail: z.string() })),
});
export type DoctorReport = z.infer<typeof doctorReport>;

const started = z.looseObject({ job_id: z.string() });
export type DoctorAnswer = DoctorReport | z.infer<typeof started>;

const path = '/api/admin/doctor';
const answer = z.union([doctorReport, started]);

export function createDoctorCalls(ask: Ask) {
  return {
    /** What was found when it ended within the wait, else the job that is at it. */
    askDoctor: (waitSeconds: number) =>
      ask({ method: 'GET', path, headers: { prefer: preference(waitSeconds) } }, answer),
    askDoctorToFix: (waitSeconds: number) =>
      ask({ method: 'POST', path: `${path}/fix`, headers: { prefer: preference(waitSeconds) } }, answer),
    /** What the process that answers sees by itself; no worker is asked. */
    askDoctorHere: () => ask({ method: 'GET', path, query: { here: 'true' } }, doctorReport),
  };
}
