import {
  listTemplateConditions,
  readStuck,
  type TemplateCondition,
} from '../../registry/repositories/doctor.ts';
import { type Check, count, named, ok, problem, warning } from './check.ts';
import type { DoctorNeeds } from './doctor-needs.ts';

const subject = 'installation';
/** The relay looks every second. */
const mostOutboxAgeMs = 30_000;

/** What waits for an operator, and what should have gone on by itself. */
export async function checkStuck({ registry }: Pick<DoctorNeeds, 'registry'>): Promise<Check[]> {
  const stuck = await readStuck(registry);
  const { runsNeedingAttention: runs, quarantined } = stuck;
  return [
    runs === 0
      ? ok({ check: 'work.attention', subject, detail: 'No run needs an operator.' })
      : problem({
          check: 'work.attention',
          subject,
          detail: `${count(runs, 'run')} could not be taken back and need${runs === 1 ? 's' : ''} an operator: ${named(stuck.slugs)}.`,
          remedy: 'See what is in the way with tenant-cli show SLUG, mend it, then: tenant-cli retry SLUG',
        }),
    checkOutbox(stuck),
    quarantined === 0
      ? ok({ check: 'work.quarantine', subject, detail: 'Nothing is in quarantine.' })
      : warning({
          check: 'work.quarantine',
          subject,
          detail: `${count(quarantined, 'database')} that nobody names ${quarantined === 1 ? 'is' : 'are'} shut and kept.`,
          remedy:
            'Look at what it holds (docs/reconcile.md says how), then drop it by name: tenant-cli reconcile --drop-quarantined NAME, or keep it open: --release NAME',
        }),
  ];
}

function checkOutbox(stuck: Awaited<ReturnType<typeof readStuck>>): Check {
  const check = 'work.outbox';
  const { outboxOldestMs: oldestMs, outboxWaiting: waiting, outboxError } = stuck;
  if (oldestMs === null || oldestMs <= mostOutboxAgeMs) {
    return ok({ check, subject, detail: 'What the queue is to be told is told at once.' });
  }
  const why = outboxError === null ? '' : ` (${outboxError})`;
  const detail = `The queue has not been told of ${count(waiting, 'thing')}, the oldest for ${Math.round(oldestMs / 1_000)} s${why}.`;
  const remedy =
    'Workers go on from the registry meanwhile. See that the queue answers, and that an API process or a worker runs.';
  return warning({ check, subject, detail, remedy });
}

export async function checkTemplates({ registry }: Pick<DoctorNeeds, 'registry'>): Promise<Check[]> {
  const conditions = await listTemplateConditions(registry);
  if (conditions.length > 0) return conditions.flatMap(checkTemplate);
  const detail = 'No template is known yet: the first worker makes it known.';
  return [
    warning({ check: 'template.source', subject, detail, remedy: 'Start a worker: npm run start:worker' }),
  ];
}

/** What is left out is decided when a template is built, and no trouble by itself. */
function checkTemplate(template: TemplateCondition): Check[] {
  const { key, notCarried } = template;
  const source = checkSource(template);
  if (notCarried === 0) return [source];
  const isAre = notCarried === 1 ? 'is' : 'are';
  const detail = `${count(notCarried, 'thing')} of the source ${isAre} not carried to tenants; tenant-cli templates show ${key} says which.`;
  return [source, ok({ check: 'template.not_carried', subject: key, detail })];
}

function checkSource({ key, troubleCode, troubleDetail, copies, lookedAt }: TemplateCondition): Check {
  const told = { check: 'template.source', subject: key };
  const again = `Then: tenant-cli templates refresh ${key}`;
  if (troubleCode !== null) {
    return problem({ ...told, detail: troubleDetail ?? troubleCode, remedy: again });
  }
  if (copies === 0) {
    const detail = 'No server has a copy of it yet, so that the next tenant waits until one is built.';
    return warning({ ...told, detail, remedy: `tenant-cli templates refresh ${key}` });
  }
  const when = lookedAt === null ? '' : `; its source was last looked at ${lookedAt.toISOString()}`;
  return ok({ ...told, detail: `It is ready on ${count(copies, 'server')}${when}.` });
}
