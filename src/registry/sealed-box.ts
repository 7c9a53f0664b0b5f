import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';
import { errors } from '../errors/catalogue.ts';

/** What a sealed value is bound to: moved to another row or column, it does not open. */
export type SealContext = { readonly owner: string; readonly column: string };

const cipher = 'aes-256-gcm';
const nonceBytes = 12;
const tagBytes = 16;

/** AES-256-GCM with a random 96-bit nonce (NIST SP 800-38D); the context is the associated data. */
export function encrypt(key: Buffer, plaintext: Buffer, context: SealContext): Buffer {
  const nonce = randomBytes(nonceBytes);
  const sealing = createCipheriv(cipher, key, nonce).setAAD(associatedData(context));
  return Buffer.concat([nonce, sealing.update(plaintext), sealing.final(), sealing.getAuthTag()]);
}

/** @throws seal_broken when key, context or bytes are not those of `encrypt`. */
export function decrypt(key: Buffer, box: Buffer, context: SealContext): Buffer {
  if (box.length < nonceBytes + tagBytes) throw errors.sealBroken(context.column);
  try {
    const opening = createDecipheriv(cipher, key, box.subarray(0, nonceBytes), { authTagLength: tagBytes })
      .setAAD(associatedData(context))
      .setAuthTag(box.subarray(-tagBytes));
    return Buffer.concat([opening.update(box.subarray(nonceBytes, -tagBytes)), opening.final()]);
  } catch (error) {
    throw errors.sealBroken(context.column).causedBy(error);
  }
}

/** A 32-byte key for one purpose from a longer-lived secret (RFC 5869). */
export function deriveKey(secret: Buffer, purpose: string): Buffer {
  return Buffer.from(hkdfSync('sha256', secret, 'tenant-manager sealing', purpose, 32));
}

/** 32 bytes written as hex or base64 are the key; any other text is a secret that a key is derived from. */
export function keyFromText(text: string): Buffer {
  if (/^[0-9a-f]{64}$/i.test(text)) return Buffer.from(text, 'hex');
  const decoded = Buffer.from(text, 'base64');
  if (decoded.length === 32 && /^[A-Za-z0-9+/_-]{43}=?$/.test(text)) return decoded;
  return deriveKey(Buffer.from(text), 'long secret');
}

function associatedData({ owner, column }: SealContext): Buffer {
  return Buffer.from(JSON.stringify([owner, column]));
}
