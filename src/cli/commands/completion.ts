import { Argument } from 'commander';
import type { CliCommand } from '../cli-command.ts';
import { completionScript, type Shell, shells } from '../completion-script.ts';
import type { Act } from '../session.ts';

export function addCompletionCommand(program: CliCommand, act: Act): void {
  program
    .command('completion')
    .description('Print a script that lets a shell complete commands and options.')
    .addArgument(new Argument('<shell>', 'whose script').choices(shells))
    .withExamples(
      { line: 'source <(tenant-cli completion bash)', does: 'for this shell; in ~/.bashrc for all' },
      { line: 'tenant-cli completion zsh > ~/.zfunc/_tenant-cli', does: 'zsh, with ~/.zfunc in its fpath' },
      { line: 'tenant-cli completion fish > ~/.config/fish/completions/tenant-cli.fish', does: 'fish' },
    )
    .action((shell: Shell) =>
      act(async ({ output }) => {
        await output.text(completionScript(program, shell));
        return undefined;
      }),
    );
}
