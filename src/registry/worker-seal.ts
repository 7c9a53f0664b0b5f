import {
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  type KeyObject,
} from 'node:crypto';
import { errors } from '../errors/catalogue.ts';
import { decrypt, deriveKey, encrypt, keyFromText, type SealContext } from './sealed-box.ts';

/** PKCS #8 wrapping of a raw X25519 private key (RFC 8410, section 7). */
const pkcs8Prefix = Buffer.from('302e020100300506032b656e04220420', 'hex');

/**
 * The domain of what only a worker may open (migrators' passwords, admin logins of servers): anyone who has
 * the public key seals, the private key is derived from WORKER_SECRET_KEY. X25519 with an ephemeral key, HKDF
 * and AES-256-GCM. Texts look like `w1.<ephemeral public key>.<base64url>`.
 */
export function createWorkerSealer(publicKeyText: string) {
  const workerKey = publicKeyFrom(publicKeyText);

  return {
    sealForWorker(plaintext: string, context: SealContext): string {
      const ephemeral = generateKeyPairSync('x25519');
      const key = sharedKey(ephemeral.privateKey, workerKey);
      const box = encrypt(key, Buffer.from(plaintext), context).toString('base64url');
      return `w1.${publicKeyTextOf(ephemeral.publicKey)}.${box}`;
    },
  };
}

export function createWorkerOpener(workerSecret: string) {
  const seed = deriveKey(keyFromText(workerSecret), 'worker x25519');
  const privateKey = createPrivateKey({
    key: Buffer.concat([pkcs8Prefix, seed]),
    format: 'der',
    type: 'pkcs8',
  });

  return {
    /** The public half, kept in the registry for processes that may only seal. */
    publicKey: publicKeyTextOf(createPublicKey(privateKey)),

    /** @throws seal_broken when it was sealed to another key or for another place. */
    openAsWorker(text: string, context: SealContext): string {
      const [version, ephemeral, box] = text.split('.');
      if (version !== 'w1' || ephemeral === undefined || box === undefined)
        throw errors.sealBroken(context.column);
      const key = sharedKey(privateKey, publicKeyFrom(ephemeral));
      return decrypt(key, Buffer.from(box, 'base64url'), context).toString();
    },
  };
}

export type WorkerSealer = ReturnType<typeof createWorkerSealer>;
export type WorkerOpener = ReturnType<typeof createWorkerOpener>;

function sharedKey(privateKey: KeyObject, publicKey: KeyObject): Buffer {
  return deriveKey(diffieHellman({ privateKey, publicKey }), 'worker box');
}

function publicKeyTextOf(key: KeyObject): string {
  return String(key.export({ format: 'jwk' }).x);
}

function publicKeyFrom(text: string): KeyObject {
  return createPublicKey({ key: { kty: 'OKP', crv: 'X25519', x: text }, format: 'jwk' });
}
