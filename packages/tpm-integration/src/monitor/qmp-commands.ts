import { COMPATIBILITY_LEVEL, PACKAGE } from '../version.js';
import { NIL_UUID, runHumanCommand } from './human-commands.js';
import type { JsonObject, JsonValue } from './json-value.js';
import { backendOptions, type MonitorHost, tpmModels, tpmTypes } from './monitor-host.js';
import { QmpError } from './qmp-error.js';

/** An argument of a command. */
export interface QmpArgument {
  readonly type: 'string' | 'integer' | 'array';
  readonly required: boolean;
}

/** A command of QMP. */
export interface QmpCommand {
  readonly arguments: Readonly<Record<string, QmpArgument>>;
  /**
   * @param host the machine
   * @param given arguments of the right names and types
   * @returns the value of the reply's `return` member
   * @throws QmpError
   */
  readonly run: (host: MonitorHost, given: JsonObject) => JsonValue | Promise<JsonValue>;
}

/** Version as `query-version` and the greeting show it. */
export const QMP_VERSION: JsonObject = {
  qemu: {
    micro: BigInt(COMPATIBILITY_LEVEL[2]),
    minor: BigInt(COMPATIBILITY_LEVEL[1]),
    major: BigInt(COMPATIBILITY_LEVEL[0]),
  },
  package: PACKAGE,
};

/** Name of the command that ends the negotiation. */
export const NEGOTIATION = 'qmp_capabilities';

const EMPTY: JsonObject = {};

function query(run: (host: MonitorHost) => JsonValue): QmpCommand {
  return { arguments: {}, run };
}

function action(run: (host: MonitorHost) => void | Promise<void>): QmpCommand {
  return {
    arguments: {},
    run: async (host) => {
      await run(host);
      return EMPTY;
    },
  };
}

/** Every command but the negotiation, by name. */
export const QMP_COMMANDS: ReadonlyMap<string, QmpCommand> = new Map<string, QmpCommand>([
  ['cont', action((host) => host.cont())],
  [
    'human-monitor-command',
    {
      arguments: {
        'command-line': { type: 'string', required: true },
        'cpu-index': { type: 'integer', required: false },
      },
      run: humanMonitorCommand,
    },
  ],
  ['query-commands', query(commandNames)],
  ['query-kvm', query(() => ({ enabled: false, present: false }))],
  [
    'query-name',
    query(({ description: { guestName } }) =>
      guestName === undefined ? EMPTY : { name: guestName },
    ),
  ],
  [
    'query-status',
    query((host) => ({ status: host.status, singlestep: false, running: host.running })),
  ],
  ['query-target', query((host) => ({ arch: host.description.target }))],
  ['query-tpm', query(queryTpm)],
  ['query-tpm-models', query(tpmModels)],
  ['query-tpm-types', query(tpmTypes)],
  ['query-uuid', query((host) => ({ UUID: host.description.uuid ?? NIL_UUID }))],
  ['query-version', query(() => QMP_VERSION)],
  ['quit', action((host) => host.quit())],
  ['stop', action((host) => host.stop())],
  ['system_reset', action((host) => host.reset())],
]);

function commandNames(): JsonValue {
  return [NEGOTIATION, ...QMP_COMMANDS.keys()].map((name) => ({ name }));
}

function queryTpm(host: MonitorHost): JsonValue {
  const backend = host.description.backend;
  if (host.tpmModel === undefined || backend === undefined) return [];
  const options = { type: backend.type, data: backendOptions(host) };
  return [{ model: host.tpmModel, options, id: backend.id }];
}

async function humanMonitorCommand(host: MonitorHost, given: JsonObject): Promise<JsonValue> {
  // QEMU: a machine has processor 0 at least, and the index has to name one. Here there is none,
  // but every command is the same for all of them.
  const index = given['cpu-index'] ?? 0n;
  if (index !== 0n) {
    throw new QmpError('GenericError', "Parameter 'cpu-index' expects a CPU number");
  }
  const output = await runHumanCommand(host, String(given['command-line']));
  return output.replaceAll('\n', '\r\n');
}
