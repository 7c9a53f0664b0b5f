import type { CliCommand } from '../cli-command.ts';
import { type ExitCode, exitCodes } from '../failure.ts';
import { renderFigures } from '../figures-view.ts';
import type { Act, Session } from '../session.ts';

type HealthOptions = { json?: true };

export function addHealthCommand(program: CliCommand, act: Act): void {
  program
    .command('health')
    .description('Say whether the platform works. Degraded still serves and counts as working.')
    .withJson()
    .withExamples({ line: 'tenant-cli health && ./deploy.sh', does: 'exit code 1 when it is unhealthy' })
    .action((options: HealthOptions) => act((session) => showHealth(session, options)));
}

async function showHealth({ api, output }: Session, { json }: HealthOptions): Promise<ExitCode> {
  const { raw, value } = await api.health();
  if (json) await output.json(raw);
  else await output.text(renderFigures('Health', value, output.look));
  return value.status === 'unhealthy' ? exitCodes.failed : exitCodes.done;
}
