import type { Look } from './look.ts';
import { printable } from './printable.ts';
import { plural } from './readable.ts';
import type { Finding, ReconcileReport } from './reconcile-api.ts';

/** Everything that does not agree, each with what would be done about it or that a person has to decide. */
export function renderReconcile(report: ReconcileReport, look: Look): string {
  const parts = [
    section(look, 'Mended', doneIn(report)),
    section(look, 'Not mended', notDoneIn(report)),
    section(
      look,
      report.repairs === undefined ? 'Findings' : 'What remains',
      report.findings.map((finding) => renderFinding(finding, look)),
    ),
    section(
      look,
      'Could not be looked at',
      report.unchecked.map(({ subject, reason }) => printable(`${subject}: ${reason}`)),
    ),
    section(
      look,
      'In quarantine',
      whereIs(report, ({ released_at }) => !released_at),
    ),
    section(
      look,
      'Released to an operator',
      whereIs(report, ({ released_at }) => Boolean(released_at)),
    ),
    omittedIn(report),
    summaryOf(report),
  ];
  return `${parts.filter((part) => part !== '').join('\n\n')}\n`;
}

function section(look: Look, title: string, lines: readonly string[]): string {
  if (lines.length === 0) return '';
  return [look.paint('bold', title), ...lines.map((line) => `  ${line}`)].join('\n');
}

function renderFinding({ invariant, kind, server, detail, repair }: Finding, look: Look): string {
  const where = server ? ` on ${server}` : '';
  const [color, remedy] = repair
    ? (['yellow', `--apply would ${repair.sentence}`] as const)
    : (['red', 'a person has to decide'] as const);
  const head = `${look.paint(color, printable(kind))} ${look.paint('dim', printable(`(${invariant}${where})`))}`;
  return `${head}\n    ${printable(detail)}\n    ${look.paint('dim', '→')} ${printable(remedy)}`;
}

function doneIn({ repairs = [] }: ReconcileReport): string[] {
  return repairs
    .filter(({ outcome }) => outcome === 'done')
    .map(({ subject, actions }) => printable(`${subject}: ${actions.join(', ').replaceAll('_', ' ')}`));
}

function notDoneIn({ repairs = [] }: ReconcileReport): string[] {
  return repairs
    .filter(({ outcome }) => outcome !== 'done' && outcome !== 'gone')
    .map(({ subject, outcome, detail }) => printable(`${subject}: ${outcome}${detail ? `, ${detail}` : ''}`));
}

type Quarantined = ReconcileReport['quarantined'][number];

function whereIs({ quarantined }: ReconcileReport, isWanted: (each: Quarantined) => boolean): string[] {
  return quarantined.filter(isWanted).map(({ server, name }) => printable(`${name} on ${server}`));
}

/** What there is more of than anybody reads. */
function omittedIn(report: ReconcileReport): string {
  const parts = [
    ...(report.omitted_repairs > 0 ? [plural(report.omitted_repairs, 'more repair')] : []),
    ...(report.omitted > 0 ? [plural(report.omitted, 'more finding')] : []),
    ...(report.omitted_unchecked > 0 ? [`${report.omitted_unchecked} more not looked at`] : []),
  ];
  return parts.length === 0 ? '' : `Not listed: ${parts.join(', ')}.`;
}

function summaryOf({ compared, findings, omitted }: ReconcileReport): string {
  const number = (what: string) => compared[what] ?? 0;
  const looked = `${plural(number('tenants'), 'tenant')} on ${plural(number('servers'), 'server')} compared`;
  const mendable = findings.filter(({ repair }) => repair).length;
  if (findings.length + omitted === 0) return `${looked}: registry and servers agree.`;
  const more = mendable === 0 ? '' : ` tenant-cli reconcile --apply mends ${mendable} of them.`;
  return `${looked}: ${plural(findings.length + omitted, 'finding')}.${more}`;
}

/** Nothing remains, and nothing was left out. */
export const isClean = ({ findings, unchecked }: ReconcileReport): boolean =>
  findings.length === 0 && unchecked.length === 0;
