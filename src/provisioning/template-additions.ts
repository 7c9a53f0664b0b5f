import { errors } from '../errors/catalogue.ts';
import type { RegistryDatabase } from '../registry/registry-database.ts';
import { recordAudit } from '../registry/repositories/audit-log.ts';
import { isPlatformDatabase } from '../registry/repositories/template-overview.ts';
import { insertTemplate, type Template, type TemplateSource } from '../registry/repositories/templates.ts';
import type { ChangeRequest } from './tenant-transition.ts';

/**
 * Makes another source known, from which tenants may be made that ask for it. A tenant's own database is refused:
 * a source is read by the platform's login, which must not run what a tenant left there.
 * @throws template_exists, invalid_request
 */
export function createTemplateAdditions({ registry }: { registry: RegistryDatabase }) {
  return async function addTemplate(source: TemplateSource, request: ChangeRequest): Promise<Template> {
    return registry.transaction().execute(async (trx) => {
      if (await isPlatformDatabase(trx, source.sourceDatabase)) {
        const message = 'is a tenant’s database or a template, and cannot be the source of one';
        throw errors.invalidRequest([{ path: 'source_database', message }]);
      }
      const template = await insertTemplate(trx, source);
      if (template === undefined) throw errors.templateExists(source.key);
      const { id, key, sourceDatabase, dataTables } = template;
      await recordAudit(trx, {
        actor: request.actor,
        action: 'template.added',
        after: { id, key, sourceDatabase, dataTables },
        requestId: request.requestId,
      });
      return template;
    });
  };
}

export type AddTemplate = ReturnType<typeof createTemplateAdditions>;
