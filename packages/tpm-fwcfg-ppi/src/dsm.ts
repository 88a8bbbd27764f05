import { PPI_FUNCTION } from './ppi-layout.js';
import type { PpiMemory } from './ppi-memory.js';

/** Identifies the physical presence functions of a `_DSM`. */
export const PPI_DSM_UUID = '3dddfaa6-361b-4eb4-a424-8d10089d1653';

/** Identifies the memory overwrite functions of a `_DSM`. */
export const MEMORY_OVERWRITE_DSM_UUID = '376054ed-cc13-4675-901c-4756d7f2d45d';

/** Functions of {@link PPI_DSM_UUID} (TCG PC Client Physical Presence Interface 1.30, `_DSM`). */
export const PPI_DSM_FUNCTION = {
  query: 0,
  version: 1,
  submit: 2,
  pending: 3,
  transitionAction: 4,
  response: 5,
  userLanguage: 6,
  submitWithParameter: 7,
  confirmation: 8,
} as const;

/** Functions of {@link MEMORY_OVERWRITE_DSM_UUID} (TCG Platform Reset Attack Mitigation). */
export const MEMORY_OVERWRITE_DSM_FUNCTION = { query: 0, setRequest: 1 } as const;

/** Results of the two submitting functions. */
const SUBMIT_RESULT = { success: 0, notImplemented: 1, blocked: 3 } as const;
/** Result of {@link PPI_DSM_FUNCTION} `transitionAction`: the machine has to reboot. */
const REBOOT = 2;
/** Result of {@link PPI_DSM_FUNCTION} `userLanguage`: it can't be set. */
const LANGUAGE_NOT_IMPLEMENTED = 3;
/** Bitmap of the functions 0 to 8, and of 0 and 1. */
const QUERY_ANSWER = { ppi: [0xff, 0x01], memoryOverwrite: [0x03] } as const;
const PPI_VERSION = '1.3';

/** The four arguments of a `_DSM`. Integers are 32 bits wide, as in a DSDT of revision 1. */
export interface DsmCall {
  /** Text form of the first argument, in any case. */
  readonly uuid: string;
  readonly revision: number;
  readonly function: number;
  /** The fourth argument: a package of integers (array), a buffer (bytes), or an integer. */
  readonly argument: readonly number[] | Uint8Array | number;
}

/** Why an interpreter gives an evaluation up, by ACPICA's name. */
export type DsmFailure = 'AE_AML_PACKAGE_LIMIT' | 'AE_AML_BUFFER_LIMIT' | 'AE_AML_OPERAND_TYPE';

/** What a `_DSM` returns. */
export type DsmResult =
  | { readonly type: 'integer'; readonly value: number }
  | { readonly type: 'string'; readonly value: string }
  | { readonly type: 'buffer'; readonly bytes: Uint8Array }
  | { readonly type: 'package'; readonly elements: readonly number[] }
  /** The method ends without a return value. */
  | { readonly type: 'none' }
  /** The interpreter gives up; what was stored until then stays stored. */
  | { readonly type: 'error'; readonly status: DsmFailure };

/** An element of the fourth argument, or why there is none. */
type Element = { readonly value: number } | { readonly failure: DsmFailure };

function elementOf({ argument }: DsmCall, index: number): Element {
  if (typeof argument === 'number') return { failure: 'AE_AML_OPERAND_TYPE' };
  const value = argument[index];
  if (value !== undefined) return { value: value >>> 0 };
  const isBuffer = argument instanceof Uint8Array;
  return { failure: isBuffer ? 'AE_AML_BUFFER_LIMIT' : 'AE_AML_PACKAGE_LIMIT' };
}

const integer = (value: number): DsmResult => ({ type: 'integer', value });
const elements = (...list: number[]): DsmResult => ({ type: 'package', elements: list });
const buffer = (bytes: readonly number[]): DsmResult => ({
  type: 'buffer',
  bytes: Uint8Array.from(bytes),
});
const failed = (status: DsmFailure): DsmResult => ({ type: 'error', status });
const notImplemented = (): DsmResult => buffer([0x00]);

/** Function 2. QEMU: doesn't look at "blocked". */
function submit(memory: PpiMemory, call: DsmCall): DsmResult {
  const operation = elementOf(call, 0);
  if ('failure' in operation) return failed(operation.failure);
  if (memory.functionStatus(operation.value) === PPI_FUNCTION.notImplemented) {
    return integer(SUBMIT_RESULT.notImplemented);
  }
  memory.setWord('pprq', operation.value);
  memory.setWord('pprm', 0);
  return integer(SUBMIT_RESULT.success);
}

/** Function 7. QEMU: reports success for an unknown revision, although it stores nothing. */
function submitWithParameter(memory: PpiMemory, call: DsmCall): DsmResult {
  const operation = elementOf(call, 0);
  if ('failure' in operation) return failed(operation.failure);
  const status = memory.functionStatus(operation.value);
  if (status === PPI_FUNCTION.notImplemented) return integer(SUBMIT_RESULT.notImplemented);
  if (status === PPI_FUNCTION.blocked) return integer(SUBMIT_RESULT.blocked);
  if (call.revision === 1) {
    memory.setWord('pprq', operation.value);
    memory.setWord('pprm', 0);
  } else if (call.revision === 2) {
    memory.setWord('pprq', operation.value);
    const parameter = elementOf(call, 1);
    if ('failure' in parameter) return failed(parameter.failure);
    memory.setWord('pprm', parameter.value);
  }
  return integer(SUBMIT_RESULT.success);
}

/** Function 3. */
function pending(memory: PpiMemory, revision: number): DsmResult {
  if (revision === 1) return elements(0, memory.word('pprq'));
  if (revision === 2) return elements(0, memory.word('pprq'), memory.word('pprm'));
  return notImplemented();
}

function evaluatePpi(memory: PpiMemory, call: DsmCall): DsmResult {
  switch (call.function) {
    case PPI_DSM_FUNCTION.query:
      return buffer(QUERY_ANSWER.ppi);
    case PPI_DSM_FUNCTION.version:
      return { type: 'string', value: PPI_VERSION };
    case PPI_DSM_FUNCTION.submit:
      return submit(memory, call);
    case PPI_DSM_FUNCTION.pending:
      return pending(memory, call.revision);
    case PPI_DSM_FUNCTION.transitionAction:
      return integer(REBOOT);
    case PPI_DSM_FUNCTION.response:
      return elements(0, memory.word('lppr'), memory.word('pprp'));
    case PPI_DSM_FUNCTION.userLanguage:
      return integer(LANGUAGE_NOT_IMPLEMENTED);
    case PPI_DSM_FUNCTION.submitWithParameter:
      return submitWithParameter(memory, call);
    case PPI_DSM_FUNCTION.confirmation: {
      const operation = elementOf(call, 0);
      if ('failure' in operation) return failed(operation.failure);
      return integer(memory.functionStatus(operation.value));
    }
    default:
      return notImplemented();
  }
}

function evaluateMemoryOverwrite(memory: PpiMemory, call: DsmCall): DsmResult {
  switch (call.function) {
    case MEMORY_OVERWRITE_DSM_FUNCTION.query:
      return buffer(QUERY_ANSWER.memoryOverwrite);
    case MEMORY_OVERWRITE_DSM_FUNCTION.setRequest: {
      const request = elementOf(call, 0);
      if ('failure' in request) return failed(request.failure);
      memory.setByte('movv', request.value);
      return integer(0);
    }
    default:
      return { type: 'none' };
  }
}

/**
 * Does to PPI memory what the TPM device's `_DSM` method does when an operating system's AML
 * interpreter executes it. For tools and tests: a guest has the method itself.
 *
 * @param memory PPI memory that the method reads and writes
 * @param call the arguments; anything goes
 * @returns what the method returns
 *
 * @example
 * const call = { uuid: PPI_DSM_UUID, revision: 1, function: 2, argument: [5] };
 * evaluateDsm(memory, call); // { type: 'integer', value: 0 } if firmware offers operation 5
 */
export function evaluateDsm(memory: PpiMemory, call: DsmCall): DsmResult {
  switch (call.uuid.toLowerCase()) {
    case PPI_DSM_UUID:
      return evaluatePpi(memory, call);
    case MEMORY_OVERWRITE_DSM_UUID:
      return evaluateMemoryOverwrite(memory, call);
    default:
      return { type: 'none' };
  }
}
