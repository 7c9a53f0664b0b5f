import type { z } from 'zod';
import type { AdminCall, AdminRequest } from './admin-request.ts';
import { type Answer, type Envelope, readData, readEnvelope } from './api-answer.ts';

/** One call, with its data as this program understands it. @throws Failure for what the API refuses. */
export type Ask = <Schema extends z.ZodType>(
  call: AdminCall,
  schema: Schema,
) => Promise<Answer<z.infer<Schema>> & { page: Envelope['page'] }>;

export function createAsk(request: AdminRequest): Ask {
  return async (call, schema) => {
    const answer = await request(call);
    const { data, page } = readEnvelope(answer, call.path);
    return { ...readData(data, schema, answer.status), page };
  };
}

/** RFC 7240. */
export function preference(waitSeconds: number): string {
  return waitSeconds > 0 ? `wait=${waitSeconds}` : 'respond-async';
}
