import { Command, CommanderError } from 'commander';
import { PACKAGE } from '../version.js';
import { serveCommand } from './serve-command.js';

/** Exit codes of the command line. */
const EXIT = { success: 0, failure: 1, usage: 2 } as const;

const PROGRAM = 'tpmdev';

/** What a subcommand needs from its process. */
export interface TpmdevHost {
  /** Writes one line to standard output. */
  print(line: string): void;
  /** Writes one line to standard error, with the program's name. */
  report(message: string): void;
}

/**
 * The command `tpmdev`: reads the command line and runs a subcommand to its end. What goes wrong
 * becomes one line on standard error.
 *
 * @param words the command line's arguments
 * @returns the exit code: 0, 1 for a failure, 2 for a command line that can't be used
 */
export async function runTpmdev(words: readonly string[]): Promise<number> {
  const host: TpmdevHost = {
    print: (line) => void process.stdout.write(`${line}\n`),
    report: (message) => {
      process.stderr.write(`${PROGRAM}: ${message.trim().replace(/\s*\n\s*/g, '; ')}\n`);
    },
  };
  try {
    await commandLine(host).parseAsync([...words], { from: 'user' });
    return EXIT.success;
  } catch (error) {
    // The library has printed what there is to say.
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.success : EXIT.usage;
    host.report(error instanceof Error ? error.message : String(error));
    if (words.includes('--debug') && error instanceof Error) {
      process.stderr.write(`${error.stack}\n`);
    }
    return EXIT.failure;
  }
}

function commandLine(host: TpmdevHost): Command {
  const program = new Command(PROGRAM)
    .description('A TPM for tests and tools')
    .version(PACKAGE)
    .exitOverride()
    .configureOutput({
      outputError: (text) => host.report(text.replace(/^error: /, '')),
    })
    .argument('[command]')
    .action((name: string | undefined, _options, command: Command) => {
      const found = name === undefined ? 'no command given' : `unknown command '${name}'`;
      command.error(`error: ${found}; see ${PROGRAM} --help`);
    });
  return serveCommand(program, host);
}
