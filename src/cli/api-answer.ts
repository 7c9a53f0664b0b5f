import { z } from 'zod';
import type { AdminAnswer } from './admin-request.ts';
import { exitCodes, Failure } from './failure.ts';
import { hintsFor, optionOf } from './hints.ts';

const envelope = z.looseObject({
  success: z.literal(true),
  data: z.unknown(),
  page: z.looseObject({ next_cursor: z.string().nullable(), total: z.number().optional() }).optional(),
});

const problem = z.looseObject({
  title: z.string(),
  detail: z.string().optional(),
  code: z.string().optional(),
  request_id: z.string().optional(),
  errors: z.array(z.looseObject({ path: z.string(), message: z.string() })).optional(),
});

export type Envelope = z.infer<typeof envelope>;

/** What the API answered, once as it came and once as this program understands it. */
export type Answer<Value> = { raw: unknown; value: Value };

/** @throws Failure with what the problem document says. */
export function readEnvelope(answer: AdminAnswer, path?: string): Envelope {
  if (answer.status >= 400) throw failureOf(answer, path);
  // Where an action has nothing to tell, the answer is empty.
  if (answer.status === 204) return { success: true, data: undefined };
  const read = envelope.safeParse(answer.body);
  if (!read.success) throw strangeAnswer(answer.status);
  return read.data;
}

export function readData<Schema extends z.ZodType>(
  data: unknown,
  schema: Schema,
  status: number,
): Answer<z.infer<Schema>> {
  const read = schema.safeParse(data);
  if (!read.success) throw strangeAnswer(status, read.error);
  return { raw: data, value: read.data };
}

/** @param path what was asked for, where it says whom a hint is about */
export function failureOf({ status, body }: AdminAnswer, path?: string): Failure {
  const read = problem.safeParse(body);
  if (!read.success) return strangeAnswer(status);
  const { title, detail, code, request_id: requestId, errors: problems = [] } = read.data;
  const isWrongUsage = code === 'invalid_request';
  return new Failure({
    title,
    // The single problems say the same again.
    message: problems.length > 0 ? '' : (detail ?? ''),
    exitCode: isWrongUsage ? exitCodes.usage : exitCodes.failed,
    code,
    requestId,
    problems: problems.map(({ path, message }) => `${optionOf(path)}: ${message}`),
    hints: hintsFor({ code, status, path, detail }),
    passesByItself: status === 503 || status === 429,
  });
}

function strangeAnswer(status: number, cause?: unknown): Failure {
  return new Failure({
    title: 'Strange answer',
    message: `The answer (status ${status}) is not one that tenant-manager gives.`,
    hints: [
      'Check TENANT_MANAGER_URL: it is the address of the API, without a path. A newer tenant-manager may need a newer tenant-cli.',
    ],
    passesByItself: status >= 502,
    cause,
  });
}
