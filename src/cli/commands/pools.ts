import type { CliCommand } from '../cli-command.ts';
import { renderPools } from '../pool-view.ts';
import type { Act, Session } from '../session.ts';

export function addPoolsCommand(program: CliCommand, act: Act): void {
  program
    .command('pools')
    .description('Connections to tenants’ databases: the budget of each server, and who has how much of it.')
    .withJson()
    .withExamples({ line: 'tenant-cli pools', does: 'whether anybody waits, and why' })
    .action((options: { json?: true }) => act((session) => showPools(session, options)));
}

async function showPools({ api, output, now }: Session, { json }: { json?: true }): Promise<undefined> {
  const { raw, value } = await api.readPools();
  if (json) await output.json(raw);
  else await output.text(renderPools(value, { look: output.look, now: now() }));
  const { silent_processes: silent } = value.totals;
  if (silent > 0) {
    await output.say(
      `${output.messageLook.paint('yellow', 'note:')}  ${silent === 1 ? 'One process' : `${silent} processes`} did not beat for 10 s: stopped, cut off or dead. Its share is taken back once it is known to be dead.`,
    );
  }
}
