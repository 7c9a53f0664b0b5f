import { z } from 'zod';
import type { RegistryDatabase } from '../registry/registry-database.ts';
import { type JobFilter, listJobs } from '../registry/repositories/job-list.ts';
import { toJobItem } from './job-answer.ts';
import { decodePlace, encodePlace } from './sorted-cursor.ts';

/** The only order that there is; it is part of the cursor all the same, for the day when there are more. */
const sort = '-created_at';

/** One page of jobs, the newest first, as an answer. @throws invalid_request for a cursor of another list */
export async function readJobPage(
  registry: RegistryDatabase,
  { limit, cursor }: { limit: number; cursor?: string | undefined },
  filter: JobFilter,
) {
  const after = decodePlace(cursor, sort, z.iso.datetime().startsWith('2'));
  const rows = await listJobs(registry, { filter, after, limit: limit + 1 });
  const jobs = rows.slice(0, limit);
  const last = jobs.at(-1);
  const hasMore = rows.length > limit && last !== undefined;
  return {
    success: true as const,
    data: jobs.map(toJobItem),
    page: { next_cursor: hasMore ? encodePlace(sort, { value: last.place, id: last.id }) : null },
  };
}
