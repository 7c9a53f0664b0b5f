import { z } from 'zod';

/**
 * What processes tell each other: always by LISTEN/NOTIFY of the registry, sent by the transaction that made
 * it true. A message may be lost with its connection; whoever acts on one must also look by itself in time.
 */
const messageSchema = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('run.changed'),
    runId: z.string(),
    tenantId: z.string(),
    hasEnded: z.boolean(),
  }),
  z.object({ kind: z.literal('tenant.changed'), tenantId: z.string(), slug: z.string() }),
  z.object({ kind: z.literal('caches.cleared') }),
  z.object({ kind: z.literal('task.changed'), taskId: z.string() }),
  z.object({ kind: z.literal('outbox.added'), topic: z.string() }),
  z.object({ kind: z.literal('warm.wanted'), serverId: z.string() }),
  z.object({ kind: z.literal('connections.changed'), serverId: z.string(), processId: z.string() }),
  z.object({ kind: z.literal('sessions.changed'), userId: z.string() }),
  z.object({ kind: z.literal('answer.stored'), scope: z.string(), key: z.string() }),
]);

export type RegistryMessage = z.infer<typeof messageSchema>;

/** Undefined for what is no message: every login of the registry's database may send anything. */
export function readMessage(payload: string): RegistryMessage | undefined {
  return messageSchema.safeParse(parseJson(payload)).data;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
