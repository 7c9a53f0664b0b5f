import { dataErrors } from './data-error.ts';

export type Preferences = {
  readonly returns: 'minimal' | 'representation';
  /** For Preference-Applied. */
  readonly applied: readonly string[];
};

const known =
  /^(return=(minimal|headers-only|representation)|handling=(strict|lenient)|count=(exact|planned|estimated)|tx=(commit|rollback)|missing=null)$/;

/**
 * Reads the Prefer header (RFC 7240): what is unknown is ignored unless handling=strict. What would change the
 * meaning of an insertion and is not there yet is refused: to ignore it would write something else.
 */
export function parsePreferences(header: string | undefined): Preferences {
  const given = (header ?? '')
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
  const notYet = given.find((part) => /^(resolution=|missing=default|max-affected=)/.test(part));
  if (notYet !== undefined)
    throw dataErrors.notImplemented(`Prefer: ${notYet} is not supported in this version`);
  const unknown = given.filter((part) => !known.test(part));
  if (given.includes('handling=strict') && unknown.length > 0) throw dataErrors.invalidPreferences(unknown);
  const applied = given.filter((part) => /^(return=(minimal|representation)|handling=)/.test(part));
  const wantsRows = given.find((part) => part.startsWith('return=')) === 'return=representation';
  return { returns: wantsRows ? 'representation' : 'minimal', applied };
}
