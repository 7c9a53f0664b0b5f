import type { Ownership } from './reconcile-needs.ts';

/** What this installation's login roles begin with; nobody else's do, since its id is in it. */
export function loginPrefixes({ installationId }: Ownership): string[] {
  return ['m', 'a'].map((part) => `${part}_${installationId}_`);
}

/** Everything else that it makes on a server: templates, their builders, the two neutral roles. */
export const platformPrefix = ({ installationId }: Ownership): string => `tm_${installationId}_`;

export const templatePrefix = (ownership: Ownership): string => `${platformPrefix(ownership)}template_`;

export function isOurRole(role: string, ownership: Ownership): boolean {
  return [...loginPrefixes(ownership), platformPrefix(ownership)].some((prefix) => role.startsWith(prefix));
}
