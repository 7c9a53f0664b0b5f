import { setTimeout as delay } from 'node:timers/promises';
import { sealAuditRows } from '../registry/repositories/audit-chain.ts';
import type { Platform, ProcessParts } from './assemble-platform.ts';

const everyMs = 1_000;
const portion = 1_000;

/** Makes the rows of the audit log part of their chain, a moment after they were committed. Workers do it. */
export function sealAuditLog({ log, shutdown }: ProcessParts, { registry, masterSeal }: Platform): void {
  const stopping = new AbortController();
  const { signal } = stopping;
  let isFailing = false;

  async function sealAll(): Promise<void> {
    while (!signal.aborted) {
      const sealed = await sealAuditRows(registry, { digest: masterSeal.hmac, limit: portion });
      if (sealed < portion) return;
    }
  }

  async function live(): Promise<void> {
    while (!signal.aborted) {
      try {
        await sealAll();
        isFailing = false;
      } catch (error) {
        if (!isFailing) log.warn({ err: error }, 'The audit log cannot be sealed; it is tried again');
        isFailing = true;
      }
      await delay(everyMs, undefined, { signal }).catch(() => undefined);
    }
  }

  const life = live();
  shutdown.onStop('audit log', 3_000, async () => {
    stopping.abort();
    await life;
  });
}
