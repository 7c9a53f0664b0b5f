import { argon2id, hash } from 'argon2';
import { describe, expect, it } from 'vitest';
import { createArgon2Queue } from '../../src/identity/argon2-queue.ts';
import { createPasswords } from '../../src/identity/passwords.ts';

const passwords = createPasswords({ minLength: 8 });

describe('an acceptable password', () => {
  it.each([
    ['Test123!'],
    ['SecurePassword123!'],
    ['x9$kLmq2'],
    ['korrekt pferd batterie'],
    ['пароль-который-никто-не-знает'],
    ['  spaces count too  '],
    ['🔑🔒🗝🔐🛡🧿🪬🎲'],
    [`${'a1!'.repeat(85)}7`],
  ])('%s', (plain) => {
    expect(() => passwords.assertAcceptablePassword(plain)).not.toThrow();
  });

  it.each([
    ['too short', 'Ab3$xyz', 'at least 8'],
    ['eight code units that are four characters', '🔑🔒🗝🔐', 'at least 8'],
    ['too long', `${'a1b2!'.repeat(51)}xy`, 'at most 256'],
    ['a megabyte', 'x'.repeat(1_000_000), 'at most 256'],
    ['common', 'password', 'guessed first'],
    ['common with capitals', 'PassWord1', 'guessed first'],
    ['common with an ending', 'Welcome123', 'guessed first'],
    ['common in another spelling', 'P@ssw0rd', 'guessed first'],
    ['digits', '12345678', 'guessed first'],
    ['digits backwards', '987654321', 'guessed first'],
    ['one key', 'aaaaaaaaaaaa', 'guessed first'],
    ['a unit over and over', 'abcabcabcabc', 'guessed first'],
    ['a row of keys', 'QWERTYUIOP', 'guessed first'],
    ['a column of keys', '1qaz2wsx', 'guessed first'],
  ])('is not %s', (_what, plain, message) => {
    expect(() => passwords.assertAcceptablePassword(plain)).toThrow(
      expect.objectContaining({
        code: 'invalid_request',
        problems: [{ path: 'password', message: expect.stringContaining(message) }],
      }),
    );
  });

  it('is neither the address nor the name of the organization, in any spelling', () => {
    const context = { notEqualTo: ['anna@example.com', 'Ürümqi Trading', undefined], path: 'admin_password' };
    for (const plain of ['Anna@Example.com', 'U\u0308ru\u0308mqi trading ']) {
      expect(() => passwords.assertAcceptablePassword(plain, context)).toThrow(
        expect.objectContaining({ problems: [expect.objectContaining({ path: 'admin_password' })] }),
      );
    }
    expect(() => passwords.assertAcceptablePassword('Ürümqi Trading 1993', context)).not.toThrow();
  });

  it('follows the configured length', () => {
    const strict = createPasswords({ minLength: 15 });
    expect(() => strict.assertAcceptablePassword('fourteen chars')).toThrow(/at least 15/);
  });
});

describe('hashing', () => {
  it('uses argon2id with at least 19 MiB, two passes and one lane', async () => {
    expect(await passwords.hashPassword('Test123!')).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
  });

  it('is opened by the same characters only, and truncates nothing', async () => {
    const long = 'é'.repeat(100);
    const digest = await passwords.hashPassword(`${long}1`);
    expect(await passwords.verifyPassword(digest, `${long}1`)).toBe(true);
    expect(await passwords.verifyPassword(digest, `${'e\u0301'.repeat(100)}1`)).toBe(true);
    expect(await passwords.verifyPassword(digest, `${long}2`)).toBe(false);
    expect(await passwords.verifyPassword(digest, long)).toBe(false);
  });

  it('knows a digest with weaker parameters', async () => {
    const weak = await hash('Test123!', { type: argon2id, memoryCost: 8_192, timeCost: 1, parallelism: 1 });
    expect(passwords.isOutdated(weak)).toBe(true);
    expect(passwords.isOutdated(await passwords.hashPassword('Test123!'))).toBe(false);
  });

  it('refuses who would wait too long, and serves the others', async () => {
    const queue = createArgon2Queue({ atOnce: 1, maxWaiting: 2 });
    const outcomes = await Promise.allSettled(Array.from({ length: 6 }, () => queue.hash('Test123!')));
    const refused = outcomes.filter((outcome) => outcome.status === 'rejected');
    expect(refused.map(({ reason }) => reason.code)).toEqual(Array(refused.length).fill('overloaded'));
    expect(refused.length).toBeGreaterThanOrEqual(3);
    await expect(queue.hash('Test123!')).resolves.toContain('argon2id');
  });

  it('refuses who has waited too long before it begins', async () => {
    const queue = createArgon2Queue({ atOnce: 1, maxWaitMs: 1 });
    const [first, second] = await Promise.allSettled([queue.hash('Test123!'), queue.hash('Test123!')]);
    expect(first.status).toBe('fulfilled');
    expect(second).toMatchObject({ status: 'rejected', reason: { code: 'overloaded' } });
  });
});
