/**
 * A template that was not finished is thrown away, so that its commits need not wait for the disk; sealing it
 * flushes them.
 */
export const CHILD_ENVIRONMENT = {
  PGAPPNAME: 'tenant-manager templates',
  PGCONNECT_TIMEOUT: '10',
  PGOPTIONS: '-c synchronous_commit=off',
};

/** The only login of the file's reader is this one, hence the wildcards. */
export function passwordLine(password: string): string {
  if (/[\r\n\0]/.test(password)) throw new TypeError('A password file cannot hold a line break or NUL.');
  return `*:*:*:*:${password.replace(/[\\:]/g, '\\$&')}\n`;
}

/** Quoted: a database whose name looks like connection parameters stays a name. */
export function connectionParameters(parameters: Record<string, string>): string {
  return Object.entries(parameters)
    .map(([key, value]) => `${key}='${value.replace(/[\\']/g, '\\$&')}'`)
    .join(' ');
}
