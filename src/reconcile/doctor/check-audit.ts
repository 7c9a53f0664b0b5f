import { type BrokenLink, verifyAuditChain } from '../../registry/repositories/audit-chain.ts';
import { type Check, count, ok, problem, warning } from './check.ts';
import type { DoctorNeeds } from './doctor-needs.ts';

const check = 'audit.chain';
const subject = 'installation';
/** A worker seals every second; a registration whose transaction takes long is not sealed before its end. */
const mostWaitingMs = 60_000;

/** Whether the audit log is what was written to it. */
export async function checkAudit({ registry, masterSeal }: DoctorNeeds): Promise<Check[]> {
  const { sealed, head, broken, waiting, waitingMs } = await verifyAuditChain(registry, masterSeal.hmac);
  if (broken !== undefined) {
    return [
      problem({
        check,
        subject,
        detail: `The audit log is not what was written: ${describe(broken)}. Somebody changed it past the platform.`,
        remedy:
          'Compare it with a backup of the registry, find out who may log in there as owner or superuser, and keep both for the inquiry.',
      }),
    ];
  }
  const detail = `${count(sealed, 'row')} of the audit log ${sealed === 1 ? 'is' : 'are'} as written; the chain ends with ${head === '' ? 'nothing yet' : head}.`;
  if (waiting === 0 || waitingMs <= mostWaitingMs) return [ok({ check, subject, detail })];
  return [
    warning({
      check,
      subject,
      detail: `${count(waiting, 'row')} of the audit log ${waiting === 1 ? 'waits' : 'wait'} to be sealed, the oldest for ${Math.round(waitingMs / 1_000)} s.`,
      remedy: 'Workers seal them every second: see that one is alive, and what its log says.',
    }),
  ];
}

function describe({ kind, position, auditId }: BrokenLink): string {
  const row = `row ${auditId}${position === null ? '' : ` (link ${position} of the chain)`}`;
  switch (kind) {
    case 'altered':
      return `${row} was altered`;
    case 'removed':
      return `${row} was removed`;
    case 'chain_gap':
      return `the chain has a gap before ${row}`;
    case 'cut_off':
      return `the chain was cut off or continued from link ${position} on`;
    case 'smuggled_in':
      return `${row} was added without being noted for the chain`;
  }
}
