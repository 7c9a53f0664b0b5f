import { CliCommand } from './cli-command.ts';
import { addAuditCommand } from './commands/audit.ts';
import { addCancelCommand } from './commands/cancel.ts';
import { addClearCacheCommand } from './commands/clear-cache.ts';
import { addCompletionCommand } from './commands/completion.ts';
import { addConsoleCommand } from './commands/console.ts';
import { addCreateCommand } from './commands/create.ts';
import { addDeleteCommand } from './commands/delete.ts';
import { addDoctorCommand } from './commands/doctor.ts';
import { addHealthCommand } from './commands/health.ts';
import { addInfoCommand } from './commands/info.ts';
import { addJobsCommand } from './commands/jobs.ts';
import { addKeysCommand } from './commands/keys.ts';
import { addListCommand } from './commands/list.ts';
import { addMetricsCommand } from './commands/metrics.ts';
import { addPoolsCommand } from './commands/pools.ts';
import { addReconcileCommand } from './commands/reconcile.ts';
import { addRetryCommand } from './commands/retry.ts';
import { addRotateCredentialsCommand } from './commands/rotate-credentials.ts';
import { addServersCommand } from './commands/servers.ts';
import { addSetCommand } from './commands/set.ts';
import { addShowCommand } from './commands/show.ts';
import { addStatsCommand } from './commands/stats.ts';
import { addSuperAdminCommand } from './commands/super-admin.ts';
import { addTemplatesCommand } from './commands/templates.ts';
import { addTenantStateCommands } from './commands/tenant-states.ts';
import { addUndeleteCommand } from './commands/undelete.ts';
import { addUsersCommand } from './commands/users.ts';
import type { Look } from './look.ts';
import { printableLines } from './printable.ts';
import type { Act } from './session.ts';

type Display = {
  look: Look;
  messageLook: Look;
  writeOut: (text: string) => void;
  writeErr: (text: string) => void;
};

type Needs = { version: string; act: Act; display: Display };

/** Said in the help and in the reference. */
export const closingNotes = [
  {
    title: 'Where it looks',
    text: 'With TENANT_MANAGER_URL and TENANT_MANAGER_ADMIN_KEY set, the admin API at that address is asked. Without them the same runs in this process, with the configuration that the server has.',
  },
  {
    title: 'Exit codes',
    text: '0 done · 1 failed · 2 wrong usage · 3 partly done (accepted, not finished within --wait; problems remain)',
  },
] as const;

/** All commands. They run through `act`; the reference is generated from them. */
export function createProgram({ version, act, display }: Needs): CliCommand {
  const program = new CliCommand('tenant-cli');
  configure(program, display);
  program
    .description('Operate tenant-manager: every customer organization has its own PostgreSQL database.')
    .version(version, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print help for a command')
    .helpCommand('help [command]', 'print help for a command')
    .withExamples(
      { line: 'tenant-cli list', does: 'all tenants' },
      {
        line: 'tenant-cli create --name "ACME Corp" --email admin@acme.com',
        does: 'a new tenant; asks for the password',
      },
      { line: 'tenant-cli show acme-corp --json', does: 'one tenant, for a program' },
    )
    .addHelpText('after', () => renderNotes(display.look));
  for (const add of commandAdders) add(program, act);
  return program;
}

const commandAdders = [
  addListCommand,
  addShowCommand,
  addInfoCommand,
  addCreateCommand,
  addSetCommand,
  addTenantStateCommands,
  addRetryCommand,
  addCancelCommand,
  addDeleteCommand,
  addUndeleteCommand,
  addUsersCommand,
  addConsoleCommand,
  addRotateCredentialsCommand,
  addClearCacheCommand,
  addTemplatesCommand,
  addServersCommand,
  addJobsCommand,
  addReconcileCommand,
  addStatsCommand,
  addPoolsCommand,
  addHealthCommand,
  addMetricsCommand,
  addDoctorCommand,
  addAuditCommand,
  addKeysCommand,
  addSuperAdminCommand,
  addCompletionCommand,
];

/** Commands inherit this, so it comes before them. */
function configure(program: CliCommand, { look, messageLook, writeOut, writeErr }: Display): void {
  const width = (columns: number) => Math.min(columns, widestHelp);
  program
    .exitOverride()
    .showHelpAfterError('(see: tenant-cli help)')
    .configureHelp({ minWidthToWrap: 20, styleTitle: (title) => look.paint('bold', title) })
    .configureOutput({
      writeOut,
      writeErr,
      // The arguments that it repeats may come from anywhere.
      outputError: (text, write) =>
        write(printableLines(text).replace(/^error:/, messageLook.paint('red', 'error:'))),
      getOutHelpWidth: () => width(look.columns),
      getErrHelpWidth: () => width(messageLook.columns),
      getOutHasColors: () => true,
      getErrHasColors: () => true,
    });
}

/** Longer lines are hard to read. */
const widestHelp = 100;

function renderNotes(look: Look): string {
  return closingNotes
    .map(
      ({ title, text }) =>
        `\n${look.paint('bold', `${title}:`)}\n${wrap(text, Math.min(look.columns, widestHelp))}`,
    )
    .join('\n');
}

function wrap(text: string, columns: number): string {
  const lines = [''];
  for (const word of text.split(' ')) {
    const line = lines.at(-1) ?? '';
    if (line.length + word.length + 3 > columns) lines.push(word);
    else lines[lines.length - 1] = line === '' ? word : `${line} ${word}`;
  }
  return lines.map((line) => `  ${line}`).join('\n');
}
