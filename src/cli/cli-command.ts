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

  withJson(): this {
    return this.option('--json', 'print the data as JSON on stdout, and nothing else there');
  }
}

function renderExamples(examples: readonly Example[], styleTitle: (title: string) => string): string {
  const lines = examples.map(({ line, does }) => `  ${line}\n      ${does}`);
  return `\n${styleTitle('Examples:')}\n${lines.join('\n')}`;
}
