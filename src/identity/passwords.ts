import type { FieldProblem } from '../errors/app-error.ts';
import { errors } from '../errors/catalogue.ts';
import { type Argon2Options, createArgon2Queue } from './argon2-queue.ts';
import { createCommonPasswords } from './common-passwords.ts';

/** Long enough for any pass phrase; argon2 itself truncates nothing. */
const longestPassword = 256;

export type PasswordsNeeds = { minLength: number; argon2?: Argon2Options };

/** What a password must not simply repeat. */
export type PasswordContext = {
  /** Member of the body that is named in the error; `password` if left out. */
  path?: string;
  /** E-mail address, organization name and the like. */
  notEqualTo?: readonly (string | undefined)[];
};

export function createPasswords({ minLength, argon2 = {} }: PasswordsNeeds) {
  const queue = createArgon2Queue(argon2);
  const isCommon = createCommonPasswords();

  function whyUnacceptable(plain: string, notEqualTo: PasswordContext['notEqualTo'] = []): string | null {
    if (plain.length > longestPassword * 4) return `must have at most ${longestPassword} characters`;
    const password = canonical(plain);
    const length = [...password].length;
    if (length < minLength) return `must have at least ${minLength} characters`;
    if (length > longestPassword) return `must have at most ${longestPassword} characters`;
    const repeats = (text: string | undefined) => text !== undefined && saysTheSame(password, text);
    if (notEqualTo.some(repeats)) return 'must not be the e-mail address or the name of the organization';
    return isCommon(password) ? 'is one of the passwords that are guessed first' : null;
  }

  return {
    hashPassword: (plain: string): Promise<string> => queue.hash(canonical(plain)),

    verifyPassword: (digest: string, plain: string): Promise<boolean> =>
      queue.verify(digest, canonical(plain)),

    /** Takes as long as `verifyPassword`, for an address that nobody has. */
    async pretendToVerify(plain: string): Promise<void> {
      await queue.hash(canonical(plain));
    },

    isOutdated: queue.isOutdated,

    /** @throws invalid_request */
    assertAcceptablePassword(plain: string, { path = 'password', notEqualTo }: PasswordContext = {}): void {
      const message = whyUnacceptable(plain, notEqualTo);
      const problems: FieldProblem[] = message === null ? [] : [{ path, message }];
      if (problems.length > 0) throw errors.invalidRequest(problems);
    },
  };
}

export type Passwords = ReturnType<typeof createPasswords>;

/** One spelling for what a person types on different keyboards (NIST SP 800-63B-4, 3.1.1.2). */
function canonical(plain: string): string {
  return plain.normalize('NFC');
}

function saysTheSame(password: string, text: string): boolean {
  const [given, forbidden] = [password, text].map((each) => canonical(each).trim().toLowerCase());
  return given === forbidden;
}
