import { readFile } from 'node:fs/promises';
import { wrongUsage } from './failure.ts';
import type { Prompt } from './prompt.ts';

export type PasswordOptions = {
  passwordStdin?: true;
  passwordFile?: string;
  /** Caught, so that people learn where a password belongs: arguments are visible to all users of a machine. */
  password?: string | true;
};

/**
 * The password from a pipe, a file, or the person at the terminal, who types it twice.
 * @throws Failure for wrong usage when there is no such way.
 */
export async function readPassword(prompt: Prompt, options: PasswordOptions): Promise<string> {
  if (options.password !== undefined) {
    throw wrongUsage(
      'A password is never given as an argument: every user of the machine could read it.',
      how,
    );
  }
  const password = await readFromSomewhere(prompt, options);
  if (password === '') throw wrongUsage('The password is empty.');
  return password;
}

const how = 'Use --password-stdin or --password-file PATH, or run this on a terminal to be asked for it.';

async function readFromSomewhere(prompt: Prompt, options: PasswordOptions): Promise<string> {
  if (options.passwordFile !== undefined) return readPasswordFile(options.passwordFile);
  if (options.passwordStdin === true) return prompt.readAll();
  if (!prompt.isPossible)
    throw wrongUsage('A password is needed, and there is no terminal to ask for it.', how);
  const password = await prompt.askSecret('Password: ');
  const again = await prompt.askSecret('Once more: ');
  if (password !== again) throw wrongUsage('The two passwords differ. Nothing was changed.');
  return password;
}

async function readPasswordFile(path: string): Promise<string> {
  try {
    return (await readFile(path, 'utf8')).replace(/\r?\n$/, '');
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw wrongUsage(`The password file cannot be read: ${why}.`);
  }
}
