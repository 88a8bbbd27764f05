import type { JsonInput } from './json-stream.js';
import { isJsonObject, type JsonObject, type JsonValue } from './json-value.js';
import type { MonitorHost } from './monitor-host.js';
import {
  NEGOTIATION,
  QMP_COMMANDS,
  QMP_VERSION,
  type QmpArgument,
  type QmpCommand,
} from './qmp-commands.js';
import { QmpError } from './qmp-error.js';

/** Capabilities that the server offers. */
const CAPABILITIES: readonly string[] = ['oob'];

/** A command as it was sent. */
interface Invocation {
  readonly name: string;
  /** Whether it is to run out of band (QMP specification, section 2.3.1). */
  readonly outOfBand: boolean;
  readonly given: JsonObject;
}

const TYPE_CHECKS: Readonly<Record<QmpArgument['type'], (value: JsonValue) => boolean>> = {
  string: (value) => typeof value === 'string',
  integer: (value) => typeof value === 'bigint',
  array: (value) => Array.isArray(value),
};

/**
 * What one client of QMP said so far, apart from any transport: negotiation, then commands (QMP
 * specification, sections 2 and 4).
 */
export class QmpSession {
  readonly #host: MonitorHost;
  #negotiated = false;
  #outOfBand = false;

  constructor(host: MonitorHost) {
    this.#host = host;
  }

  /** Message that a client gets first. */
  get greeting(): JsonObject {
    return { QMP: { version: QMP_VERSION, capabilities: CAPABILITIES } };
  }

  /** Whether the negotiation is over; events are sent only then. */
  get negotiated(): boolean {
    return this.#negotiated;
  }

  /**
   * @param input what the client sent
   * @returns the reply
   */
  async answer(input: JsonInput): Promise<JsonObject> {
    const id = input.kind === 'value' && isJsonObject(input.value) ? input.value.id : undefined;
    try {
      if (input.kind === 'error') throw new QmpError('GenericError', input.message);
      const result = await this.#run(this.#invocationOf(input.value));
      return id === undefined ? { return: result } : { return: result, id };
    } catch (error) {
      if (!(error instanceof QmpError)) throw error;
      const description = { class: error.errorClass, desc: error.message };
      return id === undefined ? { error: description } : { id, error: description };
    }
  }

  #invocationOf(message: JsonValue): Invocation {
    if (!isJsonObject(message)) {
      throw new QmpError('GenericError', 'QMP input must be a JSON object');
    }
    const known = ['execute', 'arguments', 'id', ...(this.#outOfBand ? ['exec-oob'] : [])];
    const unexpected = Object.keys(message).findLast((name) => !known.includes(name));
    if (unexpected !== undefined) {
      throw new QmpError('GenericError', `QMP input member '${unexpected}' is unexpected`);
    }
    const { execute, 'exec-oob': executeOutOfBand, arguments: given } = message;
    const name = execute ?? executeOutOfBand;
    for (const member of ['execute', 'exec-oob']) {
      if (member in message && typeof message[member] !== 'string') {
        throw new QmpError('GenericError', `QMP input member '${member}' must be a string`);
      }
    }
    if (given !== undefined && !isJsonObject(given)) {
      throw new QmpError('GenericError', "QMP input member 'arguments' must be an object");
    }
    if (execute !== undefined && executeOutOfBand !== undefined) {
      throw new QmpError('GenericError', "QMP input member 'execute' clashes with 'exec-oob'");
    }
    if (typeof name !== 'string') {
      throw new QmpError('GenericError', "QMP input lacks member 'execute'");
    }
    return { name, outOfBand: execute === undefined, given: given ?? {} };
  }

  async #run({ name, outOfBand, given }: Invocation): Promise<JsonValue> {
    if (!this.#negotiated && name !== NEGOTIATION) {
      throw new QmpError(
        'CommandNotFound',
        `Expecting capabilities negotiation with '${NEGOTIATION}'`,
      );
    }
    const command = name === NEGOTIATION ? this.#negotiation : QMP_COMMANDS.get(name);
    if (command === undefined) {
      throw new QmpError('CommandNotFound', `The command ${name} has not been found`);
    }
    if (outOfBand) {
      throw new QmpError('GenericError', `The command ${name} does not support OOB`);
    }
    checkArguments(command, given);
    return command.run(this.#host, given);
  }

  readonly #negotiation: QmpCommand = {
    arguments: { enable: { type: 'array', required: false } },
    run: (_host, given) => {
      const enable = given.enable;
      const wanted: readonly JsonValue[] = Array.isArray(enable) ? enable : [];
      for (const [index, capability] of wanted.entries()) {
        if (typeof capability !== 'string') {
          const text = `Invalid parameter type for 'enable[${index}]', expected: string`;
          throw new QmpError('GenericError', text);
        }
        if (!CAPABILITIES.includes(capability)) {
          const text = `Parameter 'null' does not accept value '${capability}'`;
          throw new QmpError('GenericError', text);
        }
      }
      if (this.#negotiated) {
        throw new QmpError(
          'CommandNotFound',
          'Capabilities negotiation is already complete, command ignored',
        );
      }
      this.#outOfBand = wanted.includes('oob');
      this.#negotiated = true;
      return {};
    },
  };
}

function checkArguments(command: QmpCommand, given: JsonObject): void {
  for (const [name, { type, required }] of Object.entries(command.arguments)) {
    const value = given[name];
    if (value === undefined && required) {
      throw new QmpError('GenericError', `Parameter '${name}' is missing`);
    }
    if (value !== undefined && !TYPE_CHECKS[type](value)) {
      const text = `Invalid parameter type for '${name}', expected: ${type}`;
      throw new QmpError('GenericError', text);
    }
  }
  const unexpected = Object.keys(given).findLast((name) => !Object.hasOwn(command.arguments, name));
  if (unexpected !== undefined) {
    throw new QmpError('GenericError', `Parameter '${unexpected}' is unexpected`);
  }
}
