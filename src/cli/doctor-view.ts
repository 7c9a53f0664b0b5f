import type { DoctorCheck, DoctorReport } from './doctor-api.ts';
import type { Look } from './look.ts';
import { printable } from './printable.ts';
import { plural } from './readable.ts';

/** How groups are called, in their order; one that is not known here comes last, by its own name. */
const titles: Readonly<Record<string, string>> = {
  workers: 'Workers',
  registry: 'Registry',
  keys: 'Keys',
  queue: 'Queue',
  server: 'Database servers',
  template: 'Templates',
  work: 'Work',
  audit: 'Audit log',
};
/** Said by its group already. */
const silentSubjects = ['installation', 'registry'];
const signs = {
  ok: ['✓', 'green'],
  warning: ['!', 'yellow'],
  problem: ['✗', 'red'],
  unknown: ['?', 'cyan'],
} as const;

/** Everything that was looked at, grouped, with what to do under each thing that is not well. */
export function renderDoctor({ checks, fixed, by }: DoctorReport, look: Look): string {
  const groups = groupChecks(checks);
  const order = [...new Set([...Object.keys(titles), ...groups.keys()])];
  const parts = order.flatMap((group) => {
    const members = groups.get(group);
    if (members === undefined) return [];
    const title = look.paint('bold', printable(titles[group] ?? group));
    return [[title, ...members.map((check) => renderCheck(check, look))].join('\n')];
  });
  const done = fixed.map(
    ({ subject, detail }) => `  ${look.paint('green', '✓')} ${printable(`${subject}: ${detail}`)}`,
  );
  if (done.length > 0) parts.unshift([look.paint('bold', 'Mended'), ...done].join('\n'));
  return `${[...parts, summaryOf({ checks, by })].join('\n\n')}\n`;
}

export const isWell = (checks: readonly DoctorCheck[]): boolean =>
  !checks.some(({ status }) => status === 'problem');

function groupChecks(checks: readonly DoctorCheck[]): Map<string, DoctorCheck[]> {
  const groups = new Map<string, DoctorCheck[]>();
  for (const check of checks) {
    const group = check.check.split('.', 1)[0] ?? '';
    groups.set(group, [...(groups.get(group) ?? []), check]);
  }
  return groups;
}

function renderCheck({ status, subject, detail, remedy }: DoctorCheck, look: Look): string {
  const [sign, color] = signs[status as keyof typeof signs] ?? signs.unknown;
  const whose = silentSubjects.includes(subject) ? '' : `${subject}: `;
  const line = `  ${look.paint(color, sign)} ${printable(`${whose}${detail}`)}`;
  if (!remedy) return line;
  return `${line}\n    ${look.paint('dim', '→')} ${printable(remedy)}`;
}

function summaryOf({ checks, by }: Pick<DoctorReport, 'checks' | 'by'>): string {
  const number = (wanted: string) => checks.filter(({ status }) => status === wanted).length;
  const fixable = checks.filter((check) => check.fixable).length;
  const counts = [
    plural(number('problem'), 'problem'),
    plural(number('warning'), 'warning'),
    `${number('unknown')} unknown`,
    `${number('ok')} in order`,
  ].join(', ');
  const more = fixable === 0 ? '' : ` tenant-cli doctor --fix mends ${fixable} of them.`;
  const blind = by === 'worker' ? '' : ' No worker looked, so that nothing is known of the database servers.';
  return `${counts}.${more}${blind}`;
}
