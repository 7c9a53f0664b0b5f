import type { ListedJob } from './job-api.ts';
import { type Look, paintStatus } from './look.ts';
import { printable } from './printable.ts';
import { readableAge, readableInstant } from './readable.ts';
import { type Field, renderRecord } from './record.ts';
import { type Column, renderTable } from './table.ts';

type View = { look: Look; now: Date };

export function renderJobs(jobs: readonly ListedJob[], view: View): string {
  return renderTable(jobs, columns(view), view.look);
}

function columns({ look, now }: View): Column<ListedJob>[] {
  return [
    { head: 'ID', value: ({ id }) => id },
    { head: 'KIND', value: ({ kind }) => kind },
    {
      head: 'STATUS',
      value: ({ status, needs_attention: isInNeed }) => (isInNeed ? `${status}!` : status),
      paint: (text, { status }) => paintStatus(look, text, status),
    },
    { head: 'TENANT', value: ({ slug }) => slug ?? '-', shrinksTo: 8, expendable: 2 },
    {
      head: 'CREATED',
      value: ({ created_at: at }) => (look.isTerminal ? readableAge(at, now) : readableInstant(at)),
      expendable: 3,
    },
    { head: 'ERROR', value: ({ error }) => error?.code ?? '-', shrinksTo: 8, expendable: 1 },
  ];
}

/** One job with all that is known about it, its steps or what came of it below. */
export function renderJob(job: ListedJob, look: Look): string {
  const { steps, result, parameters } = job;
  const sections = [renderRecord(job.kind, fieldsOf(job, look), look)];
  if (isShown(parameters)) sections.push(`${look.paint('bold', 'Asked')}\n${indented(parameters)}\n`);
  if (steps && steps.length > 0) {
    const fields = steps.map(({ name, status }) => ({
      label: name,
      value: status,
      paint: (text: string) => paintStatus(look, text),
    }));
    sections.push(renderRecord('Steps', fields, look));
  }
  if (isShown(result)) sections.push(`${look.paint('bold', 'Result')}\n${indented(result)}\n`);
  return sections.join('\n');
}

function fieldsOf(job: ListedJob, look: Look): Field[] {
  const instant = (text: string | null | undefined) => (text ? readableInstant(text) : undefined);
  return [
    { label: 'id', value: job.id },
    { label: 'status', value: job.status, paint: (text) => paintStatus(look, text) },
    { label: 'needs attention', value: job.needs_attention ? 'yes' : undefined },
    { label: 'tenant', value: job.slug ?? undefined },
    { label: 'step', value: job.current_step ?? undefined },
    { label: 'progress', value: typeof job.progress === 'number' ? `${job.progress} %` : undefined },
    { label: 'attempts', value: job.attempts?.toString() },
    { label: 'error', value: job.error ? `${job.error.message} (${job.error.code})` : undefined },
    { label: 'requested by', value: job.requested_by ?? undefined },
    { label: 'created', value: instant(job.created_at) },
    { label: 'started', value: instant(job.started_at) },
    { label: 'finished', value: instant(job.finished_at) },
  ];
}

function isShown(value: unknown): boolean {
  return typeof value === 'object' && value !== null && Object.keys(value).length > 0;
}

function indented(value: unknown): string {
  return JSON.stringify(value, null, 2)
    .split('\n')
    .map((line) => `  ${printable(line)}`)
    .join('\n');
}
