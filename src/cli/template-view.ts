import { type Look, paintStatus } from './look.ts';
import { printable } from './printable.ts';
import { plural, readableAge, readableInstant, readableNumber, readableSize } from './readable.ts';
import { type Field, renderRecord } from './record.ts';
import { type Column, renderTable } from './table.ts';
import type { Template, TemplateCopy, TemplateVersion } from './template-api.ts';

type View = { look: Look; now: Date };
type PlacedCopy = TemplateCopy & { version: string };

/** How a template is, in a word or two. */
function stateOf({ trouble, building, drift }: Template): string {
  if (trouble) return trouble.code;
  if (drift === null || drift === undefined) return building.length > 0 ? 'building' : 'not built';
  return drift ? 'source changed' : 'up to date';
}

const paintState = (look: Look, text: string, template: Template) =>
  template.trouble ? look.paint('red', text) : paintStatus(look, text, stateOf(template));

const placedCopies = ({ versions, building }: Template): PlacedCopy[] => [
  ...building.map((copy) => ({ ...copy, version: '-' })),
  ...versions.flatMap(({ source_fingerprint: version, copies }) =>
    copies.map((copy) => ({ ...copy, version })),
  ),
];

const lastLook = (template: Template): string | undefined =>
  placedCopies(template)
    .flatMap(({ looked_at: at }) => at ?? [])
    .sort()
    .at(-1);

/** The version that tenants get now: the newest that is in use. */
const versionInUse = ({ versions }: Template): TemplateVersion | undefined =>
  versions
    .flatMap((version) => version.copies.map((copy) => ({ version, copy })))
    .filter(({ copy }) => copy.status === 'ready')
    .sort((a, b) => (b.copy.built_at ?? '').localeCompare(a.copy.built_at ?? ''))[0]?.version;

function timeOf({ look, now }: View, text: string | null | undefined): string {
  if (typeof text !== 'string') return '-';
  return look.isTerminal ? readableAge(text, now) : readableInstant(text);
}

/** Templates as a list. */
export function renderTemplates(templates: readonly Template[], view: View): string {
  const columns: Column<Template>[] = [
    { head: 'KEY', value: ({ key }) => key, shrinksTo: 8 },
    { head: 'SOURCE', value: ({ source_database: name }) => name, shrinksTo: 8, expendable: 1 },
    { head: 'STATE', value: stateOf, paint: (text, row) => paintState(view.look, text, row) },
    { head: 'VERSION', value: (row) => versionInUse(row)?.source_fingerprint ?? '-', expendable: 4 },
    {
      head: 'NOT CARRIED',
      value: (row) => readableNumber(versionInUse(row)?.not_carried.length ?? 0),
      align: 'right',
      expendable: 3,
    },
    { head: 'WARM', value: ({ warm }) => readableNumber(warm ?? 0), align: 'right', expendable: 5 },
    { head: 'LOOKED AT', value: (row) => timeOf(view, lastLook(row)), expendable: 2 },
  ];
  return renderTable(templates, columns, view.look);
}

/** One template with its versions, its copies, and what of the source tenants do not get. */
export function renderTemplate(template: Template, view: View): string {
  const parts = [
    renderRecord(template.key, fieldsOf(template, view), view.look),
    section(view, 'Copies', renderCopies(placedCopies(template), view)),
    section(view, 'Versions', renderVersions(template.versions, view)),
    renderNotCarried(template, view),
  ];
  return parts.filter((part) => part !== '').join('\n');
}

function fieldsOf(template: Template, view: View): Field[] {
  const { trouble, data_tables: tables } = template;
  return [
    { label: 'id', value: template.id },
    {
      label: 'state',
      value: stateOf(template),
      paint: (text) => paintState(view.look, text, template),
    },
    { label: 'trouble', value: trouble?.message },
    { label: 'source database', value: template.source_database },
    { label: 'data tables', value: tables.length === 0 ? undefined : tables.join(', ') },
    { label: 'looked at', value: timeOf(view, lastLook(template)) },
    { label: 'created', value: timeOf(view, template.created_at) },
  ];
}

function renderCopies(copies: readonly PlacedCopy[], view: View): string {
  if (copies.length === 0) return '';
  const columns: Column<PlacedCopy>[] = [
    { head: 'SERVER', value: ({ server }) => server, shrinksTo: 8 },
    {
      head: 'STATUS',
      value: ({ status }) => status,
      paint: (text, { status }) => paintStatus(view.look, text, status),
    },
    { head: 'VERSION', value: ({ version }) => version, expendable: 3 },
    {
      head: 'SIZE',
      value: ({ size_bytes: size }) => (typeof size === 'number' ? readableSize(size) : '-'),
      align: 'right',
      expendable: 4,
    },
    { head: 'BUILT', value: ({ built_at: at }) => timeOf(view, at), expendable: 2 },
    { head: 'WARM', value: ({ warm }) => readableNumber(warm ?? 0), align: 'right', expendable: 5 },
    {
      head: 'IN MAKING',
      value: (row) => readableNumber(row.tenants_in_making ?? 0),
      align: 'right',
      expendable: 6,
    },
    { head: 'DATABASE', value: ({ database_name: name }) => name, shrinksTo: 8, expendable: 1 },
  ];
  return renderTable(copies, columns, view.look);
}

function renderVersions(versions: readonly TemplateVersion[], view: View): string {
  if (versions.length === 0) return '';
  const columns: Column<TemplateVersion>[] = [
    { head: 'VERSION', value: ({ source_fingerprint: short }) => short },
    { head: 'FIRST SEEN', value: ({ created_at: at }) => timeOf(view, at) },
    { head: 'COPIES', value: ({ copies }) => readableNumber(copies.length), align: 'right' },
    {
      head: 'NOT CARRIED',
      value: (row) => readableNumber(row.not_carried.length),
      align: 'right',
      expendable: 1,
    },
    { head: 'ID', value: ({ id }) => id, shrinksTo: 8, expendable: 2 },
  ];
  return renderTable(versions, columns, view.look);
}

function renderNotCarried(template: Template, view: View): string {
  const version = versionInUse(template) ?? template.versions[0];
  if (version === undefined) return '';
  if (version.not_carried.length === 0)
    return `${view.look.paint('bold', 'Everything of the source is carried.')}\n`;
  const lines = version.not_carried.map((sentence) => `  - ${printable(sentence)}\n`);
  return section(view, `Not carried (${plural(lines.length, 'thing')})`, lines.join(''));
}

function section({ look }: View, heading: string, text: string): string {
  return text === '' ? '' : `${look.paint('bold', heading)}\n${text}`;
}
