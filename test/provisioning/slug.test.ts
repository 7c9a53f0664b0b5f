import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { assertSlug, deriveSlug, slugCandidates } from '../../src/provisioning/slug.ts';

const shape = /^[a-z0-9]+(-[a-z0-9]+)*$/;

describe('a slug derived from a name', () => {
  it.each([
    ['ACME Corp', 'acme-corp'],
    ['  Müller & Söhne GmbH ', 'mueller-and-soehne-gmbh'],
    ['Test', 'test'],
    ['株式会社', 'org'],
    ['🚀🚀', 'org'],
    ['AB', 'org-ab'],
    ['admin', 'org-admin'],
    ['xn--80ak6aa92e', 'xn-80ak6aa92e'],
    [`Robert'); DROP TABLE students;--`, 'robert-drop-table-students'],
  ])('%s gives %s', (name, slug) => {
    expect(deriveSlug(name)).toBe(slug);
  });

  it('is acceptable whatever the name', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', minLength: 1, maxLength: 300 }), (name) => {
        for (const slug of slugCandidates(name)) {
          expect(slug).toMatch(shape);
          expect(() => assertSlug(slug)).not.toThrow();
        }
      }),
      { numRuns: 2_000 },
    );
  });

  it('has distinct successors', () => {
    const candidates = slugCandidates('a'.repeat(60));
    expect(new Set(candidates).size).toBe(candidates.length);
    expect(candidates.slice(1, 3).map((slug) => slug.slice(-2))).toEqual(['-2', '-3']);
  });
});

describe('a slug that was asked for', () => {
  it.each([
    ['ab', /3 to 40/],
    ['a'.repeat(41), /3 to 40/],
    ['Acme', /lower-case/],
    ['a--b', /lower-case/],
    ['-abc', /lower-case/],
    ['xn--abc', /lower-case|xn--/],
    ['01890a5d-ac96-774b-bcce-b302099a8057', /UUID/],
    ['postgres', /reserved/],
  ])('%s is refused', (slug, why) => {
    expect(() => assertSlug(slug)).toThrow(why);
  });
});
