import type { CliCommand } from '../cli-command.ts';
import { notEmpty, wholeNumber } from '../option-values.ts';
import { printable } from '../printable.ts';
import type { ServerChange } from '../server-api.ts';
import { renderServer, renderServers } from '../server-view.ts';
import type { Act, Session } from '../session.ts';
import { addServersAddCommand } from './servers-add.ts';
import { addServersCheckCommand, addServersRemoveCommand } from './servers-work.ts';

type JsonOption = { json?: true };
type SetOptions = JsonOption & {
  weight?: number;
  capacity?: number;
  capacityBytes?: number;
  region?: string;
};

export function addServersCommand(program: CliCommand, act: Act): void {
  const servers = program.command('servers').description('Where tenants’ databases live.');
  addList(servers, act);
  servers
    .command('show')
    .description('Show one server: what is on it, and where its budget of connections comes from.')
    .argument('<server>', 'name or id')
    .withJson()
    .withExamples({ line: 'tenant-cli servers show default', does: 'the server of POSTGRES_HOST' })
    .action((server: string, options: JsonOption) => act((session) => showServer(session, server, options)));
  addServersAddCommand(servers, act);
  addServersCheckCommand(servers, act);
  addSet(servers, act);
  addStatusCommand(servers, act, {
    name: 'drain',
    description: 'Place no new tenants on a server, and drop its warm databases; who is there stays.',
    status: 'draining',
    done: 'takes no new tenants; its warm databases go.',
  });
  addStatusCommand(servers, act, {
    name: 'activate',
    description: 'Let a drained server take tenants again.',
    status: 'open',
    done: 'takes tenants.',
  });
  addServersRemoveCommand(servers, act);
}

function addList(servers: CliCommand, act: Act): void {
  servers
    .command('list', { isDefault: true })
    .refusingOtherWords()
    .description('List servers; what `tenant-cli servers` does.')
    .withJson()
    .withExamples({ line: 'tenant-cli servers', does: 'how full each is, and which take tenants' })
    .action(({ json }: JsonOption) =>
      act(async ({ api, output }) => {
        const { raw, value } = await api.listServers();
        if (json) await output.json(raw);
        else if (value.length > 0) await output.text(renderServers(value, output.look));
        if (value.length === 0) await output.say('There is none yet: the first worker makes its own known.');
        return undefined;
      }),
    );
}

function addSet(servers: CliCommand, act: Act): void {
  servers
    .command('set')
    .description('Change weight, capacity or region of a server.')
    .argument('<server>', 'name or id')
    .option('--weight <number>', 'with 0 it takes no new tenants', wholeNumber(0, 1_000))
    .option('--capacity <databases>', 'how many databases it may have', wholeNumber(1, 1_000_000))
    .option('--capacity-bytes <bytes>', 'how much they may take', wholeNumber(1, Number.MAX_SAFE_INTEGER))
    .option('--region <region>', 'for which tenants it is', notEmpty)
    .withJson()
    .withExamples({ line: 'tenant-cli servers set eu-2 --capacity 2000', does: 'room for more' })
    .action((server: string, options: SetOptions) =>
      act((session) => {
        const { weight, capacity, capacityBytes, region, json } = options;
        const change = { weight, capacity_databases: capacity, capacity_bytes: capacityBytes, region };
        return changeServer(session, { server, change, done: 'is changed.', json });
      }),
    );
}

type StatusCommand = {
  name: string;
  description: string;
  status: 'open' | 'draining';
  done: string;
};

function addStatusCommand(
  servers: CliCommand,
  act: Act,
  { name, description, status, done }: StatusCommand,
): void {
  servers
    .command(name)
    .description(description)
    .argument('<server>', 'name or id')
    .withJson()
    .withExamples({ line: `tenant-cli servers ${name} eu-2`, does: description.toLowerCase() })
    .action((server: string, { json }: JsonOption) =>
      act((session) => changeServer(session, { server, change: { status }, done, json })),
    );
}

type Change = { server: string; change: ServerChange; done: string; json: true | undefined };

async function changeServer({ api, output }: Session, { server, change, done, json }: Change) {
  const { raw, value } = await api.changeServer(server, change);
  if (json) await output.json(raw);
  await output.say(`${output.messageLook.paint('green', '✓')} ${printable(value.name)} ${done}`);
  return undefined;
}

async function showServer({ api, output }: Session, server: string, { json }: JsonOption) {
  const { raw, value } = await api.findServer(server);
  if (json) await output.json(raw);
  else await output.text(renderServer(value, output.look));
  return undefined;
}
