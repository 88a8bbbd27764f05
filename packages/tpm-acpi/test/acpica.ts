import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type DsmResult, fromHex, toHex } from './fixtures.js';

/** Runs a program of acpica-tools; a missing one fails with the line that installs it. */
function run(program: string, args: readonly string[], directory: string): string {
  const { error, status, stdout, stderr } = spawnSync(program, args, {
    cwd: directory,
    encoding: 'utf8',
    timeout: 60_000,
  });
  if (error !== undefined) {
    throw new Error(`${program} does not run, install it with: sudo apt-get install acpica-tools`, {
      cause: error,
    });
  }
  if (status !== 0) {
    throw new Error(`${program} ${args.join(' ')} ended with ${status}:\n${stdout}${stderr}`);
  }
  return stdout;
}

/** A scratch directory for the programs of ACPICA. */
export class Acpica {
  readonly #directory = mkdtempSync(join(tmpdir(), 'tpm-acpi-'));

  #store(name: string, bytes: Uint8Array): string {
    writeFileSync(join(this.#directory, name), bytes);
    return name;
  }

  /**
   * Loads the tables into the interpreter and evaluates objects one after the other.
   *
   * @param fill what every byte of an operation region holds at first
   * @param commands paths, each with arguments as the debugger reads them
   * @returns a result per command
   */
  evaluate(tables: readonly Uint8Array[], fill: number, commands: readonly string[]): DsmResult[] {
    const files = tables.map((table, index) => this.#store(`table${index}.aml`, table));
    const batch = commands.map((command) => `execute ${command}`).join(';');
    const output = run('acpiexec', ['-fv', `${fill}`, '-b', batch, ...files], this.#directory);
    const results = output
      .split(/^Evaluating .*$/m)
      .slice(1)
      .map(parseResult);
    if (results.length !== commands.length) throw new Error(`acpiexec: ${output}`);
    return results;
  }

  /**
   * Disassembles a table and compiles it again, without optimising.
   *
   * @param ignored numbers of messages that are expected, and not taken for errors
   * @returns the table that the compiler made
   */
  recompile(table: Uint8Array, ignored: readonly number[] = []): Uint8Array {
    this.#store('table.aml', table);
    run('iasl', ['-p', 'source', '-d', 'table.aml'], this.#directory);
    const messages = ignored.flatMap((number) => ['-vw', `${number}`]);
    return this.#compile('source.dsl', messages);
  }

  /**
   * Compiles a description of a data table; the compiler sets the checksums.
   *
   * @param source lines `name : value`
   */
  compile(source: string): Uint8Array {
    writeFileSync(join(this.#directory, 'data.asl'), source);
    return this.#compile('data.asl', []);
  }

  #compile(source: string, options: readonly string[]): Uint8Array {
    run('iasl', ['-oa', ...options, '-p', 'again', source], this.#directory);
    return new Uint8Array(readFileSync(join(this.#directory, 'again.aml')));
  }

  /** Removes the directory. */
  close(): void {
    rmSync(this.#directory, { recursive: true, force: true });
  }
}

/** @returns an integer that ACPICA prints as hexadecimal */
function integers(text: string): number[] {
  return [...text.matchAll(/\[Integer\] = ([\dA-F]{16})/g)].map(([, digits]) =>
    Number.parseInt(digits!, 16),
  );
}

function parseResult(text: string): DsmResult {
  const failure = /failed with status (\w+)/.exec(text);
  if (failure !== null) return { type: 'error', status: failure[1]! };
  if (text.includes('No object was returned')) return { type: 'none' };
  const string = /^ {2}\[String\] Length \w+ = "(.*)"$/m.exec(text);
  if (string !== null) return { type: 'string', value: string[1]! };
  const buffer = /^ {2}\[Buffer\] Length \w+ = +0000: ((?:[\dA-F]{2} )+)/m.exec(text);
  if (buffer !== null) return { type: 'buffer', hex: toHex(fromHex(buffer[1]!)) };
  if (/^ {2}\[Package\]/m.test(text)) return { type: 'package', elements: integers(text) };
  const [value] = integers(text);
  if (value === undefined) throw new Error(`acpiexec printed no result: ${text}`);
  return { type: 'integer', value };
}
