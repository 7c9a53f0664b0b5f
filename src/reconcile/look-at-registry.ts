import type { RegistryDatabase } from '../registry/registry-database.ts';
import { listUnfinishedRotations } from '../registry/repositories/pending-credentials.ts';
import {
  type EventCount,
  listLostRegistrations,
  listRunsInNeed,
  listSecretsInClear,
  listStuckRuns,
  listStuckTasks,
  listTenantsWithoutRun,
  listWrongEventCounts,
} from '../registry/repositories/reconcile.ts';
import type { Found } from './finding.ts';

/** The sweeper rings at the latest every minute for what waits; nobody swept for this long. */
export const silentMs = 90_000;

const inRegistry = { server: null, target: { of: 'nothing' } } as const;

/** What the registry says against itself: accepted work that nobody comes to, and events that do not add up. */
export async function lookAtRegistry(registry: RegistryDatabase): Promise<Found[]> {
  const looks = [
    lookForStuckRuns,
    lookForHalted,
    lookForRotations,
    lookForNeed,
    lookForStuckTasks,
    lookForLost,
    lookForEvents,
  ];
  return (await Promise.all(looks.map((look) => look(registry)))).flat();
}

async function lookForStuckRuns(registry: RegistryDatabase): Promise<Found[]> {
  const stuck = await listStuckRuns(registry, silentMs);
  return stuck.map(({ tenantId, slug, generation, kind }) => ({
    ...inRegistry,
    kind: 'run_stuck',
    subject: slug,
    tenantId,
    detail: `The ${kind} run of tenant ${slug} is due, and for ${silentMs / 1_000} s nobody has worked on it or rung for it. Is a worker running?`,
    action: 'ring_run',
    target: { of: 'run', tenantId, generation },
  }));
}

async function lookForHalted(registry: RegistryDatabase): Promise<Found[]> {
  const halted = await listTenantsWithoutRun(registry);
  return halted.map(({ tenantId, slug, status }) => ({
    ...inRegistry,
    kind: 'run_missing',
    subject: slug,
    tenantId,
    detail: `Tenant ${slug} is ${status}, and no run is open that would go on with it.`,
    action: 'restart_run',
    target: { of: 'registry', tenantId },
  }));
}

async function lookForRotations(registry: RegistryDatabase): Promise<Found[]> {
  const unfinished = await listUnfinishedRotations(registry, silentMs);
  return unfinished.map(({ tenantId, slug }) => ({
    ...inRegistry,
    kind: 'rotation_unfinished',
    subject: slug,
    tenantId,
    detail: `Tenant ${slug} was given new passwords, which for ${silentMs / 1_000} s nobody has taken over; either is accepted meanwhile.`,
    action: 'finish_rotation',
    target: { of: 'registry', tenantId },
  }));
}

async function lookForNeed(registry: RegistryDatabase): Promise<Found[]> {
  const runs = await listRunsInNeed(registry);
  return runs.map(({ tenantId, slug, kind, errorDetail }) => ({
    ...inRegistry,
    kind: 'run_needs_attention',
    subject: slug,
    tenantId,
    detail: `The ${kind} run of tenant ${slug} needs an operator: ${errorDetail ?? 'it does not say why'}`,
  }));
}

async function lookForStuckTasks(registry: RegistryDatabase): Promise<Found[]> {
  const stuck = await listStuckTasks(registry, silentMs);
  return stuck.map(({ id, kind }) => ({
    ...inRegistry,
    kind: 'task_stuck',
    subject: id,
    detail: `The task ${kind} is due, and for ${silentMs / 1_000} s nobody has worked on it or rung for it.`,
    action: 'ring_task',
    target: { of: 'task', id },
  }));
}

async function lookForLost(registry: RegistryDatabase): Promise<Found[]> {
  const lost = await listLostRegistrations(registry);
  return lost.map(({ tenantId, scope }) => ({
    ...inRegistry,
    kind: 'registration_lost',
    subject: tenantId,
    tenantId,
    detail: `A request (${scope}) was accepted and made tenant ${tenantId}, which is not in the registry. Was it restored from a backup?`,
  }));
}

async function lookForEvents(registry: RegistryDatabase): Promise<Found[]> {
  return (await listWrongEventCounts(registry)).map(judgeEvents);
}

function judgeEvents({ tenantId, slug, activations, events, untold }: EventCount): Found {
  const isMissing = events < activations;
  const action = isMissing ? 'tell_event' : 'take_back_events';
  const isMendable = isMissing || untold >= events - activations;
  return {
    ...inRegistry,
    kind: isMissing ? 'event_missing' : 'event_repeated',
    subject: slug,
    tenantId,
    detail: `Tenant ${slug} was activated ${times(activations)}, and ${events} events tell of it${isMendable ? '' : ', of which too many were delivered already'}.`,
    ...(isMendable && { action }),
    target: { of: 'registry', tenantId },
  };
}

const times = (count: number) => (count === 1 ? 'once' : `${count} times`);

/**
 * Outbox, tasks, runs, reasons and troubles, and the audit log of a week: every text in them is read, so that this
 * is part of a deep look only. Logs, Redis and lists of processes cannot be looked into from here.
 */
export async function lookForSecrets(registry: RegistryDatabase): Promise<Found[]> {
  const places = await listSecretsInClear(registry);
  return places.map(({ place, row }) => ({
    ...inRegistry,
    kind: 'secret_in_clear',
    subject: `${place} ${row}`,
    detail: `A text in the row ${row} of ${place} looks like a password, a token or a verifier. Find who wrote it, change the secret, and remove the text.`,
  }));
}
