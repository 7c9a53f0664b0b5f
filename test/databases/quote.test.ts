import { describe, expect, it } from 'vitest';
import { newNamePart } from '../../src/databases/database-name.ts';
import { quoteIdentifier, quoteLiteral } from '../../src/databases/quote.ts';

describe('quoteIdentifier', () => {
  it('keeps every character of the name', () => {
    expect(quoteIdentifier('a"; DROP DATABASE b; --')).toBe('"a""; DROP DATABASE b; --"');
    expect(quoteIdentifier('Ünïcode')).toBe('"Ünïcode"');
  });

  it('takes 63 bytes and refuses what PostgreSQL would cut short', () => {
    expect(quoteIdentifier('x'.repeat(63))).toHaveLength(65);
    expect(() => quoteIdentifier('x'.repeat(64))).toThrow(/64 bytes/);
    // 32 letters, 64 bytes.
    expect(() => quoteIdentifier('ب'.repeat(32))).toThrow(/64 bytes/);
  });

  it('refuses an empty name and NUL', () => {
    expect(() => quoteIdentifier('')).toThrow(TypeError);
    expect(() => quoteIdentifier('a\0b')).toThrow(TypeError);
  });
});

describe('quoteLiteral', () => {
  it('ends no literal early', () => {
    expect(quoteLiteral("a'; DROP ROLE b; --")).toBe("'a''; DROP ROLE b; --'");
    expect(quoteLiteral('a\\')).toBe(" E'a\\\\'");
    expect(() => quoteLiteral('a\0b')).toThrow(TypeError);
  });
});

describe('newNamePart', () => {
  it('never repeats itself and needs no quotes', () => {
    const parts = Array.from({ length: 1_000 }, newNamePart);
    expect(new Set(parts).size).toBe(1_000);
    expect(parts.every((part) => /^[0-9a-f]{20}$/.test(part))).toBe(true);
  });
});
