import { spawn } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import type { Duplex } from 'node:stream';
import type { TpmVersion } from 'tpm-core';
import { SwtpmChild } from './child-process.js';
import { SwtpmError } from './error.js';
import { openBackend, type SwtpmOpenOptions } from './open.js';
import type { SwtpmBackend } from './swtpm-backend.js';

/** A key with which swtpm encrypts state. */
export type SwtpmKey =
  /** AES key in a file; `mode` default aes-cbc (128 bit), `format` default hex. */
  | {
      readonly file: string;
      readonly mode?: 'aes-cbc' | 'aes-256-cbc';
      readonly format?: 'hex' | 'binary';
    }
  /** Passphrase in a file, from which swtpm derives the key; `kdf` default pbkdf2. */
  | {
      readonly passphraseFile: string;
      readonly mode?: 'aes-cbc' | 'aes-256-cbc';
      readonly kdf?: 'pbkdf2' | 'sha512';
    };

/** Start flags of swtpm. */
export type SwtpmFlag =
  | 'not-need-init'
  | 'startup-clear'
  | 'startup-state'
  | 'startup-deactivated'
  | 'startup-none';

/** What `launchSwtpm` tells swtpm. */
export interface SwtpmLaunch {
  /** Where swtpm keeps the TPM's state; made when missing, for this user only. */
  readonly stateDirectory: string;
  /** Family of the TPM. A state directory belongs to one family. */
  readonly tpmVersion: TpmVersion;
  /** Encrypts the state directory's files. */
  readonly key?: SwtpmKey;
  /** Encrypts snapshots; a restoring swtpm needs the same. */
  readonly migrationKey?: SwtpmKey;
  /** Program to start, default `swtpm` on the search path. */
  readonly executable?: string;
  /** Start flags. */
  readonly flags?: readonly SwtpmFlag[];
  /** swtpm's log file; level 5 and above include the TPM's own log. */
  readonly log?: { readonly file: string; readonly level?: number };
  /** Refuse commands at locality 4. */
  readonly rejectLocality4?: boolean;
  /** Further arguments, handed over unchanged. */
  readonly extraArguments?: readonly string[];
}

/** Options of {@link launchSwtpm}. */
export interface LaunchSwtpmOptions extends SwtpmLaunch, SwtpmOpenOptions {}

/** Descriptor numbers of the two sockets in the child. */
const CHILD_DESCRIPTOR = { data: 3, control: 4 } as const;

/**
 * Starts swtpm as a child process, connected by two inherited sockets: no socket file, no port,
 * nobody else can reach it. It ends when this process ends in any way, because it ends with its data
 * socket; `close()` ends it orderly.
 *
 * @throws SwtpmError `ERR_SWTPM_NOT_FOUND` when the program is missing, `ERR_SWTPM_EXITED` with its
 *   last words when it ended at once, `ERR_OPTION` for a value that its command line can't take
 *
 * @example
 * const backend = await launchSwtpm({ stateDirectory: './vm1-tpm', tpmVersion: '2.0' });
 */
export async function launchSwtpm(options: LaunchSwtpmOptions): Promise<SwtpmBackend> {
  const { executable = 'swtpm', stateDirectory } = options;
  const commandLine = swtpmArguments(options);
  try {
    await mkdir(stateDirectory, { recursive: true, mode: 0o700 });
  } catch (cause) {
    const message = `State directory '${stateDirectory}' can't be made: ${(cause as Error).message}`;
    throw new SwtpmError('ERR_OPTION', message, { cause });
  }
  const process = spawn(executable, commandLine, {
    stdio: ['ignore', 'ignore', 'pipe', 'pipe', 'pipe'],
  });
  const child = new SwtpmChild(process, executable);
  if (child.pid === undefined) throw await child.ended;
  const data = process.stdio[CHILD_DESCRIPTOR.data] as unknown as Duplex;
  const control = process.stdio[CHILD_DESCRIPTOR.control] as unknown as Duplex;
  const backend = await openBackend({ control, data, child }, options);
  if (backend.tpmVersion === options.tpmVersion) return backend;
  await backend.close();
  throw new SwtpmError(
    'ERR_NOT_A_TPM',
    `'${executable}' serves a TPM ${backend.tpmVersion}, expected ${options.tpmVersion}`,
  );
}

/**
 * @returns the arguments with which {@link launchSwtpm} starts swtpm
 * @throws SwtpmError `ERR_OPTION` for a path that swtpm's option syntax can't take
 */
export function swtpmArguments(launch: SwtpmLaunch): string[] {
  const { data, control } = CHILD_DESCRIPTOR;
  const list = ['socket', '--server', `type=tcp,fd=${data}`];
  list.push('--ctrl', `type=unixio,clientfd=${control}`);
  if (launch.tpmVersion === '2.0') list.push('--tpm2');
  list.push('--tpmstate', `dir=${optionValue('stateDirectory', launch.stateDirectory)}`);
  if (launch.key !== undefined) list.push('--key', keyOption('key', launch.key));
  if (launch.migrationKey !== undefined) {
    list.push('--migration-key', keyOption('migrationKey', launch.migrationKey));
  }
  if (launch.flags !== undefined && launch.flags.length > 0) {
    list.push('--flags', launch.flags.join(','));
  }
  if (launch.log !== undefined) {
    const level = launch.log.level === undefined ? '' : `,level=${launch.log.level}`;
    list.push('--log', `file=${optionValue('log.file', launch.log.file)}${level}`);
  }
  if (launch.rejectLocality4 === true) list.push('--locality', 'reject-locality-4');
  list.push(...(launch.extraArguments ?? []));
  return list;
}

function keyOption(name: string, key: SwtpmKey): string {
  const parts =
    'file' in key
      ? [`file=${optionValue(`${name}.file`, key.file)}`, key.format && `format=${key.format}`]
      : [
          `pwdfile=${optionValue(`${name}.passphraseFile`, key.passphraseFile)}`,
          key.kdf && `kdf=${key.kdf}`,
        ];
  parts.push(key.mode && `mode=${key.mode}`);
  return parts.filter((part) => part !== undefined).join(',');
}

function optionValue(name: string, value: string): string {
  if (value !== '' && !value.includes(',')) return value;
  throw new SwtpmError(
    'ERR_OPTION',
    `Option ${name} is '${value}': swtpm takes no empty path and none with a comma; use another path`,
  );
}
