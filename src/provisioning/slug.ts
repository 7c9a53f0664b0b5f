import { randomBytes } from 'node:crypto';
import slugify from '@sindresorhus/slugify';
import { errors } from '../errors/catalogue.ts';

const shortest = 3;
const longest = 40;
const shape = /^[a-z0-9]+(?:-[a-z0-9]+)*$/;
const uuidShape = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** Words that mean something in host names and paths of this system and of those in front of it. */
const reserved = new Set(
  'admin api app assets auth billing blog cdn console dashboard data dev docs ftp global health help host localhost login logout mail metrics ns1 ns2 platform postgres public registry root smtp source static status support system template template0 template1 tenant tenants www'.split(
    ' ',
  ),
);

/** A name that leaves nothing, such as one in ideographs, gives this. */
const fallback = 'org';

/** The slug of a name, transliterated; always acceptable. */
export function deriveSlug(name: string): string {
  const words = slugify(name.normalize('NFKC'), { decamelize: false, preserveLeadingUnderscore: false });
  const plain = words.replace(/[^a-z0-9]+/g, '-').replace(/^-+|-+$/g, '');
  const short = plain.slice(0, longest).replace(/-+$/, '');
  if (short === '') return fallback;
  return whyUnacceptable(short) === null
    ? short
    : `${fallback}-${short}`.slice(0, longest).replace(/-+$/, '');
}

/** The slugs to try one after the other for a name: as derived, `-2`, `-3`, then random ends. */
export function slugCandidates(name: string): string[] {
  const base = deriveSlug(name);
  const randomEnds = Array.from({ length: 5 }, () => randomBytes(3).toString('hex'));
  return [base, ...['2', '3', ...randomEnds].map((end) => withEnd(base, end))];
}

/** @throws invalid_request when a slug that was asked for is not acceptable. */
export function assertSlug(slug: string): void {
  const why = whyUnacceptable(slug);
  if (why !== null) throw errors.invalidRequest([{ path: 'slug', message: why }]);
}

function whyUnacceptable(slug: string): string | null {
  if (slug.length < shortest || slug.length > longest)
    return `must have ${shortest} to ${longest} characters`;
  if (!shape.test(slug)) return 'must be lower-case letters and digits, with single hyphens between';
  if (uuidShape.test(slug)) return 'must not look like a UUID';
  if (slug.startsWith('xn--')) return 'must not begin with xn--';
  return reserved.has(slug) ? 'is reserved' : null;
}

function withEnd(base: string, end: string): string {
  return `${base.slice(0, longest - end.length - 1).replace(/-+$/, '')}-${end}`;
}
