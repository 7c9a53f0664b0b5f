import { Option } from 'commander';
import type { CliCommand } from './cli-command.ts';

/** The ways to hand over a password; `--password` is there only to be explained. */
export function addPasswordOptions(command: CliCommand): CliCommand {
  return command
    .addOption(new Option('--password-stdin', 'read the password from stdin').conflicts('passwordFile'))
    .addOption(new Option('--password-file <path>', 'read the password from a file'))
    .addOption(new Option('--password [password]').hideHelp());
}
