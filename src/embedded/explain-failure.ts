import { AppError } from '../errors/app-error.ts';
import { errors } from '../errors/catalogue.ts';

/** Turns whatever stopped a start into an embeddedFailed that says what to do. */
export function explainFailure(error: unknown, folder: string): AppError {
  if (error instanceof AppError) return error;
  const { code, path } = error as { code?: unknown; path?: unknown };
  const where = typeof path === 'string' ? path : folder;
  return errors.embeddedFailed(sentenceFor(code, where) ?? describeOther(error, folder)).causedBy(error);
}

/** What a program said on its way out, as an embeddedFailed. */
export function explainOutput(what: string, output: string, folder: string): AppError {
  const sentence = sentenceForOutput(output, folder) ?? `${what} failed: ${lastLines(output)}`;
  return errors.embeddedFailed(sentence).causedBy(new Error(output));
}

function sentenceFor(code: unknown, where: string): string | null {
  switch (code) {
    case 'ENOSPC':
    case 'EDQUOT':
    case '53100':
      return diskFull(where);
    case 'EACCES':
    case 'EPERM':
      return `${where} may not be read or written by this user. Start as the user it belongs to, or set EMBEDDED_DATA_DIR to another folder.`;
    case 'EROFS':
      return `${where} is on a read-only file system. Set EMBEDDED_DATA_DIR to a folder that can be written.`;
    case 'ENOTDIR':
    case 'EEXIST':
      return `${where} is not a folder. Set EMBEDDED_DATA_DIR to a folder.`;
    default:
      return null;
  }
}

function sentenceForOutput(output: string, folder: string): string | null {
  if (/No space left on device|Disk quota exceeded/.test(output)) return diskFull(folder);
  if (/could not (map|create|attach|resize) .*shared memory/.test(output)) {
    return `The embedded PostgreSQL gets no shared memory: ${lastLines(output)} Free some memory, or give the container more.`;
  }
  if (/Permission denied/.test(output)) return sentenceFor('EACCES', folder);
  return null;
}

export function diskFull(folder: string): string {
  return `The disk with ${folder} is full. Free at least 200 MB there, or set EMBEDDED_DATA_DIR to a folder on another disk.`;
}

function describeOther(error: unknown, folder: string): string {
  const message = error instanceof Error ? error.message : String(error);
  return `The embedded PostgreSQL in ${folder} could not be set up: ${message}`;
}

function lastLines(output: string): string {
  return output.split('\n').slice(-6).join(' | ');
}
