import { TpmdevError } from 'tpm-core';

/** A character device that can't be opened. */
export class ChannelError extends TpmdevError {
  constructor(message: string, cause?: unknown) {
    super('ERR_CHARDEV', message, { cause });
  }
}

const REASONS: Readonly<Record<string, string>> = {
  EACCES: 'Permission denied',
  EADDRINUSE: 'Address already in use',
  EBADF: 'Bad file descriptor',
  ECONNREFUSED: 'Connection refused',
  EINVAL: 'Invalid argument',
  EISDIR: 'Is a directory',
  ENOENT: 'No such file or directory',
  ENOTDIR: 'Not a directory',
};

/** @returns why a call of the operating system failed, in words */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return REASONS[String(Reflect.get(error, 'code'))] ?? error.message;
}
