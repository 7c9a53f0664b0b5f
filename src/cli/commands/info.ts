import type { CliCommand } from '../cli-command.ts';
import { renderJobs } from '../job-view.ts';
import type { Act, Session } from '../session.ts';
import { renderTenant } from '../tenant-view.ts';
import { renderUsers } from '../user-view.ts';

const mostShown = '10';

export function addInfoCommand(program: CliCommand, act: Act): void {
  program
    .command('info')
    .description('Everything about one tenant on one page: state, people, newest jobs.')
    .argument('<tenant>', 'id or slug')
    .withJson()
    .withExamples({ line: 'tenant-cli info acme-corp', does: 'what to look at first when a customer calls' })
    .action((key: string, options: { json?: true }) => act((session) => showInfo(session, key, options)));
}

async function showInfo(session: Session, key: string, { json }: { json?: true }): Promise<undefined> {
  const { api, output, now } = session;
  const [tenant, users, jobs] = await Promise.all([
    api.findTenant(key),
    api.listUsers(key, { limit: mostShown }),
    api.listJobsOf(key, { limit: mostShown }),
  ]);
  if (json) {
    await output.json({ tenant: tenant.raw, users: users.raw, jobs: jobs.raw });
    return;
  }
  const { look } = output;
  const heading = (text: string) => look.paint('bold', text);
  const view = { look, now: now() };
  const parts = [renderTenant(tenant.value, view)];
  if (users.value.length > 0) {
    const more = users.nextCursor === null ? '' : ` (the first ${mostShown}; all: tenant-cli users ${key})`;
    parts.push(`${heading(`People${more}`)}\n${renderUsers(users.value, session)}`);
  }
  if (jobs.value.length > 0) parts.push(`${heading('Newest jobs')}\n${renderJobs(jobs.value, view)}`);
  await output.text(parts.join('\n'));
}
