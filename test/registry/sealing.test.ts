import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { createMasterSeal } from '../../src/registry/master-seal.ts';
import { createWorkerOpener, createWorkerSealer } from '../../src/registry/worker-seal.ts';

const place = { owner: 'database-1', column: 'application_password' };

describe('master seal', () => {
  const seal = createMasterSeal(randomBytes(32).toString('hex'));

  it('opens what it sealed, and seals differently each time', () => {
    const texts = [seal.sealText('s3cret', place), seal.sealText('s3cret', place)];
    expect(texts[0]).not.toBe(texts[1]);
    expect(texts.map((text) => seal.unsealText(text, place))).toEqual(['s3cret', 's3cret']);
    expect(texts.join()).not.toContain('s3cret');
  });

  it('does not open a value moved to another database or column', () => {
    const text = seal.sealText('s3cret', place);
    expect(() => seal.unsealText(text, { ...place, owner: 'database-2' })).toThrow(/cannot be opened/);
    expect(() => seal.unsealText(text, { ...place, column: 'other' })).toThrow(/cannot be opened/);
  });

  it('does not open an altered or truncated value', () => {
    const text = seal.sealText('s3cret', place);
    const box = Buffer.from(text.split('.')[2] ?? '', 'base64url');
    box[20] = (box[20] ?? 0) ^ 1;
    const prefix = text.split('.').slice(0, 2).join('.');
    expect(() => seal.unsealText(`${prefix}.${box.toString('base64url')}`, place)).toThrow(
      /cannot be opened/,
    );
    expect(() => seal.unsealText(`${prefix}.${box.subarray(0, 10).toString('base64url')}`, place)).toThrow();
  });

  it('names the variable when another master key is used', () => {
    const other = createMasterSeal('another secret that is long enough to pass');
    expect(() => other.unsealText(seal.sealText('x', place), place)).toThrow(/MASTER_ENCRYPTION_KEY/);
  });

  it('reads the same 32 bytes from hex and from base64', () => {
    const key = randomBytes(32);
    const text = createMasterSeal(key.toString('hex')).sealText('same', place);
    expect(createMasterSeal(key.toString('base64')).unsealText(text, place)).toBe('same');
  });

  it('ties a database’s secrets to its own data key', () => {
    const [mine, other] = [seal.newDataKey('database-1'), seal.newDataKey('database-1')];
    const text = seal.sealWithDataKey(mine, 'pw', place);
    expect(seal.unsealWithDataKey(mine, text, place)).toBe('pw');
    expect(() => seal.unsealWithDataKey(other, text, place)).toThrow(/cannot be opened/);
  });
});

describe('worker seal', () => {
  const opener = createWorkerOpener('the secret of the workers, thirty-two bytes or more');
  const sealer = createWorkerSealer(opener.publicKey);

  it('is opened by the worker alone', () => {
    const text = sealer.sealForWorker('migrator', place);
    expect(opener.openAsWorker(text, place)).toBe('migrator');
    const stranger = createWorkerOpener('a stranger with some other secret of the same length');
    expect(() => stranger.openAsWorker(text, place)).toThrow(/cannot be opened/);
  });

  it('has the same key pair after every start', () => {
    expect(createWorkerOpener('one secret').publicKey).toBe(createWorkerOpener('one secret').publicKey);
  });

  it('does not open for another place', () => {
    const text = sealer.sealForWorker('migrator', place);
    expect(() => opener.openAsWorker(text, { ...place, owner: 'database-2' })).toThrow(/cannot be opened/);
  });
});
