import type { CliCommand } from '../cli-command.ts';
import type { Act, Session } from '../session.ts';
import { renderTemplate, renderTemplates } from '../template-view.ts';
import { addTemplatesAddCommand } from './templates-add.ts';
import { addTemplatesRefreshCommand } from './templates-refresh.ts';

type JsonOption = { json?: true };

export function addTemplatesCommand(program: CliCommand, act: Act): void {
  const templates = program
    .command('templates')
    .description('The sources that tenants are made of: their versions, and what is not carried.');
  templates
    .command('list', { isDefault: true })
    .refusingOtherWords()
    .description('List templates; what `tenant-cli templates` does.')
    .withJson()
    .withExamples({
      line: 'tenant-cli templates',
      does: 'which are up to date, and what is in the way of others',
    })
    .action((options: JsonOption) => act((session) => listTemplates(session, options)));
  templates
    .command('show')
    .description('Show one template: versions, copies, and what of the source tenants do not get.')
    .argument('<template>', 'key or id')
    .withJson()
    .withExamples({ line: 'tenant-cli templates show default', does: 'the template of most tenants' })
    .action((template: string, options: JsonOption) =>
      act((session) => showTemplate(session, template, options)),
    );
  addTemplatesAddCommand(templates, act);
  addTemplatesRefreshCommand(templates, act);
}

async function listTemplates({ api, output, now }: Session, { json }: JsonOption): Promise<undefined> {
  const { raw, value: templates } = await api.listTemplates();
  if (json) await output.json(raw);
  else if (templates.length > 0) {
    await output.text(renderTemplates(templates, { look: output.look, now: now() }));
  }
  if (templates.length === 0) {
    await output.say('There are no templates yet: the first worker to start makes the default one known.');
  }
}

async function showTemplate(
  { api, output, now }: Session,
  key: string,
  { json }: JsonOption,
): Promise<undefined> {
  const { raw, value } = await api.findTemplate(key);
  if (json) await output.json(raw);
  else await output.text(renderTemplate(value, { look: output.look, now: now() }));
}
