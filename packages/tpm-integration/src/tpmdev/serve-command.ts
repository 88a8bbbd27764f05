import { type Command, InvalidArgumentError, Option } from 'commander';
import { LAST_COMMAND_PORT } from '../simulator/port-pair.js';
import { serve } from './serve.js';
import { SERVED_BACKENDS } from './served-backends.js';
import type { TpmdevHost } from './tpmdev.js';

/**
 * Adds the subcommand `serve`.
 *
 * @param program the command line
 * @param host where it writes
 * @returns the command line
 */
export function serveCommand(program: Command, host: TpmdevHost): Command {
  const kinds = SERVED_BACKENDS.map(({ name, text }) => `${name}: ${text}`).join(', ');
  program
    .command('serve')
    .description('serve a TPM over the TPM simulator protocol (tpm2-tools: -T mssim)')
    .requiredOption(
      '--tcp <port>',
      'command port; the platform port is one above; 0 picks two free ones',
      portOf,
    )
    .option(
      '--host <address>',
      'address to listen on; there is no authentication',
      hostOf,
      '127.0.0.1',
    )
    .option(
      '--state <dir>',
      'directory that keeps the TPM; without it the TPM is a fresh one',
      stateOf,
    )
    .addOption(
      new Option('--backend <kind>', kinds)
        .choices(SERVED_BACKENDS.map(({ name }) => name))
        .default(SERVED_BACKENDS[0]!.name),
    )
    .option('--debug', 'show a stack trace when something fails')
    .allowExcessArguments(false)
    .action(async (options: ServeOptions) => {
      const kind = SERVED_BACKENDS.find(({ name }) => name === options.backend)!;
      await serve({ kind, port: options.tcp, host: options.host, state: options.state }, host);
    });
  return program;
}

/** Values of the options, by commander's names. */
interface ServeOptions {
  readonly tcp: number;
  readonly host: string;
  readonly state?: string;
  readonly backend: string;
}

function portOf(text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  if (port <= LAST_COMMAND_PORT) return port;
  throw new InvalidArgumentError(`Give a number from 0 to ${LAST_COMMAND_PORT}.`);
}

function hostOf(text: string): string {
  if (text !== '') return text;
  throw new InvalidArgumentError('Give an address, for example 127.0.0.1.');
}

function stateOf(text: string): string {
  if (text !== '') return text;
  throw new InvalidArgumentError('Give a directory.');
}
