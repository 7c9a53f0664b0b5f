import { createHash, createHmac, randomBytes } from 'node:crypto';
import { errors } from '../errors/catalogue.ts';
import { decrypt, deriveKey, encrypt, keyFromText, type SealContext } from './sealed-box.ts';

const dataKeyColumn = 'data_key';

/**
 * The domain of what requests need (application roles, stored answers): sealed under MASTER_ENCRYPTION_KEY,
 * for databases through a data key of their own, so that destroying one row's key destroys its secrets.
 * Texts look like `m1.<key id>.<base64url>`.
 */
export function createMasterSeal(masterKeyText: string) {
  const masterKey = keyFromText(masterKeyText);
  const keyId = createHash('sha256').update(deriveKey(masterKey, 'key id')).digest('hex').slice(0, 8);
  const hmacKey = deriveKey(masterKey, 'hmac');

  const seal = (plaintext: Buffer, context: SealContext) =>
    `m1.${keyId}.${encrypt(masterKey, plaintext, context).toString('base64url')}`;

  function unseal(text: string, context: SealContext): Buffer {
    const [version, usedKeyId, box] = text.split('.');
    if (version !== 'm1' || box === undefined) throw errors.sealBroken(context.column);
    if (usedKeyId !== keyId) throw errors.wrongEncryptionKey('MASTER_ENCRYPTION_KEY');
    return decrypt(masterKey, Buffer.from(box, 'base64url'), context);
  }

  const dataKey = (sealedDataKey: string, owner: string) =>
    unseal(sealedDataKey, { owner, column: dataKeyColumn });

  return {
    /** Tells one master key from another without giving it away; kept in the registry. */
    keyCheck: keyId,

    sealText: (plaintext: string, context: SealContext) => seal(Buffer.from(plaintext), context),
    unsealText: (text: string, context: SealContext) => unseal(text, context).toString(),

    /** A new sealed data key for one database. */
    newDataKey: (owner: string) => seal(randomBytes(32), { owner, column: dataKeyColumn }),

    sealWithDataKey(sealedDataKey: string, plaintext: string, context: SealContext): string {
      return encrypt(dataKey(sealedDataKey, context.owner), Buffer.from(plaintext), context).toString(
        'base64url',
      );
    },

    unsealWithDataKey(sealedDataKey: string, text: string, context: SealContext): string {
      return decrypt(
        dataKey(sealedDataKey, context.owner),
        Buffer.from(text, 'base64url'),
        context,
      ).toString();
    },

    /** Keyed digest of a request body: equal bodies are recognized, and nothing can be guessed from it. */
    hmac: (value: string) => createHmac('sha256', hmacKey).update(value).digest(),
  };
}

export type MasterSeal = ReturnType<typeof createMasterSeal>;
