import { Command } from 'commander';

export type Example = { line: string; does: string };

/** commander's command, with examples that the help and the reference show. */
export class CliCommand extends Command {
  readonly examples: Example[] = [];

  override createCommand(name?: string): CliCommand {
    return new CliCommand(name);
  }

  withExamples(...examples: Example[]): this {
    this.examples.push(...examples);
    return this.addHelpText('after', () => {
      const help = this.createHelp();
      return renderExamples(this.examples, (title) => help.styleTitle(title));
    });
  }

  /**
   * For what a group does when it is named alone: another word there is a command that does not exist, and is told
   * as one, with the nearest that does.
   */
  refusingOtherWords(): this {
    return this.allowExcessArguments(true).hook('preAction', (command) => {
      if (command.args.length <= command.registeredArguments.length) return;
      // Commander has this for groups that do nothing by themselves; its types do not tell of it.
      const tell = command.parent && Reflect.get(command.parent, 'unknownCommand');
      if (typeof tell === 'function') tell.call(command.parent);
    });
  }

  withJson(): this {
    return this.option('--json', 'print the data as JSON on stdout, and nothing else there');
  }
}

function renderExamples(examples: readonly Example[], styleTitle: (title: string) => string): string {
  const lines = examples.map(({ line, does }) => `  ${line}\n      ${does}`);
  return `\n${styleTitle('Examples:')}\n${lines.join('\n')}`;
}
