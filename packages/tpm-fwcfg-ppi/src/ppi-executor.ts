import type { TpmBackend, TpmVersion } from 'tpm-core';
import { FirmwareInterfaceError } from './error.js';
import {
  PPI_FUNCTION,
  PPI_FUNCTION_COUNT,
  PPI_OFFSET,
  PPI_OPERATION,
  PPI_RESULT,
} from './ppi-layout.js';
import type { PpiMemory } from './ppi-memory.js';
import { PpiSession } from './ppi-session.js';
import { performOnTpm12, TPM12_OPERATIONS } from './ppi-tpm12.js';
import { performOnTpm20, TPM20_OPERATIONS } from './ppi-tpm20.js';

/** Operations on settings of firmware, which no TPM command performs. */
export type PpiFirmwareSetting = 'logAllDigests' | 'enableBlockSid' | 'disableBlockSid';

/** What a person is asked to confirm. */
export interface PpiRequest {
  /** Operation number, for example 5 (clear). */
  readonly operation: number;
  /** Name of the operation in `PPI_OPERATION`. */
  readonly name: string;
  /** Parameter of the operation; of "set PCR banks" the bitmap of banks, see `PCR_BANK_BIT`. */
  readonly parameter: number;
}

/** How a {@link PpiExecutor} is made. */
export interface PpiExecutorOptions {
  readonly memory: PpiMemory;
  /** The TPM, started by its front end's reset and used by nobody else meanwhile. */
  readonly backend: TpmBackend;
  /**
   * Asks a physically present person. Without it nobody is present, and an operation that needs
   * a confirmation ends with "user abort". What it throws is thrown by `execute()`; the request
   * stays pending.
   */
  readonly confirm?: ((request: PpiRequest) => boolean | Promise<boolean>) | undefined;
  /**
   * Changes a setting of the firmware that the host runs. Without it these operations are not
   * offered.
   *
   * @returns whether the setting was changed
   */
  readonly applySetting?: ((setting: PpiFirmwareSetting) => boolean | Promise<boolean>) | undefined;
  /** `PPI_FUNCTION` by operation number, instead of {@link defaultPpiFunctions}. */
  readonly functions?: ReadonlyMap<number, number> | undefined;
}

/** What became of the pending request. */
export type PpiOutcome =
  | { readonly status: 'none-pending'; readonly resetDue: false }
  /** Goes on at the next `execute()`, after a reset; the request is still pending. */
  | { readonly status: 'unfinished'; readonly operation: number; readonly resetDue: true }
  | {
      readonly status: 'finished';
      readonly operation: number;
      /** As written to the response field, see `PPI_RESULT`. */
      readonly result: number;
      /** The TPM was used: reset it before the guest runs. */
      readonly resetDue: boolean;
    };

const SETTINGS: ReadonlyMap<number, PpiFirmwareSetting> = new Map<number, PpiFirmwareSetting>([
  [PPI_OPERATION.logAllDigests, 'logAllDigests'],
  [PPI_OPERATION.enableBlockSid, 'enableBlockSid'],
  [PPI_OPERATION.disableBlockSid, 'disableBlockSid'],
]);

/** Operations up to this one that firmware doesn't offer count as done. OVMF: so it does. */
const LAST_IGNORED_OPERATION = 34;

/** OVMF marks its first initialisation of the fields with this value of `ppin`. */
const INITIALISED = 1;

function operationsOf(tpmVersion: TpmVersion, hasSettings: boolean): number[] {
  const settings = hasSettings && tpmVersion === '2.0' ? [...SETTINGS.keys()] : [];
  const operations = tpmVersion === '2.0' ? TPM20_OPERATIONS : TPM12_OPERATIONS;
  return [PPI_OPERATION.none, ...operations, ...settings];
}

/**
 * What an executor offers unless told otherwise: everything it can do, after confirmation. For a
 * TPM 2.0 with settings these are the bytes that OVMF writes; OVMF offers nothing for a TPM 1.2.
 *
 * @param hasSettings whether the host can change firmware settings
 * @returns `PPI_FUNCTION` by operation number; operations that are missing are not implemented
 */
export function defaultPpiFunctions(
  tpmVersion: TpmVersion,
  hasSettings: boolean,
): ReadonlyMap<number, number> {
  const operations = operationsOf(tpmVersion, hasSettings);
  return new Map(operations.map((number) => [number, PPI_FUNCTION.allowedAfterConfirmation]));
}

function operationName(operation: number): string {
  const entry = Object.entries(PPI_OPERATION).find(([, number]) => number === operation);
  return entry?.[0] ?? `operation ${operation}`;
}

/** @throws FirmwareInterfaceError when the executor can't do what would be offered */
function checkFunctions(functions: ReadonlyMap<number, number>, known: readonly number[]): void {
  const isBelow = (value: number, limit: number): boolean =>
    Number.isInteger(value) && value >= 0 && value < limit;
  for (const [operation, status] of functions) {
    if (!isBelow(operation, PPI_FUNCTION_COUNT) || !isBelow(status, PPI_FUNCTION.allowed + 1)) {
      throw new FirmwareInterfaceError(
        'ERR_PPI',
        `Offering operation ${operation} with status ${status} failed: operations are 0 to 255 and a status is 0 to 4`,
      );
    }
    if (status >= PPI_FUNCTION.allowedAfterConfirmation && !known.includes(operation)) {
      throw new FirmwareInterfaceError(
        'ERR_PPI',
        `Offering operation ${operation} failed: this executor can do ${known.join(', ')}; give the others status 0`,
      );
    }
  }
}

/** Result of one attempt at an operation. */
interface Attempt {
  readonly result: number;
  /** Steps done, when the rest has to wait for a reset. */
  readonly resumeAt?: number | undefined;
  readonly resetDue: boolean;
}

/**
 * Carries out physical presence requests in the place of firmware that doesn't, such as SeaBIOS.
 *
 * Call it at each machine reset, after the front end's `reset()` and before the guest runs.
 *
 * The guest can write all of PPI memory, the function bytes too. So what is allowed, what needs a
 * confirmation and where an interrupted operation goes on is kept here; from the memory come the
 * request and its parameter only.
 *
 * @example
 * const executor = new PpiExecutor({ memory, backend, confirm: ({ name }) => ask(`TPM: ${name}?`) });
 * await frontEnd.reset();
 * executor.initialise();
 * while ((await executor.execute()).resetDue) await frontEnd.reset();
 */
export class PpiExecutor {
  readonly #memory: PpiMemory;
  readonly #backend: TpmBackend;
  readonly #options: PpiExecutorOptions;
  readonly #functions: ReadonlyMap<number, number>;
  /** A confirmed operation that goes on after a reset. */
  #interrupted: { readonly operation: number; readonly resumeAt: number } | undefined;
  #running: Promise<PpiOutcome> | undefined;

  /** @throws FirmwareInterfaceError `ERR_PPI` when `functions` offers what can't be done */
  constructor(options: PpiExecutorOptions) {
    const { memory, backend, functions, applySetting } = options;
    const hasSettings = applySetting !== undefined;
    this.#memory = memory;
    this.#backend = backend;
    this.#options = options;
    this.#functions = functions ?? defaultPpiFunctions(backend.tpmVersion, hasSettings);
    checkFunctions(this.#functions, operationsOf(backend.tpmVersion, hasSettings));
  }

  /**
   * What firmware does at each boot: writes all 256 function bytes, and at the first boot after
   * power-on clears the request, the last operation and the next step.
   */
  initialise(): void {
    const { bytes } = this.#memory;
    for (let operation = 0; operation < PPI_FUNCTION_COUNT; operation++) {
      bytes[PPI_OFFSET.func + operation] = this.#statusOf(operation);
    }
    if (this.#memory.byte('ppin') !== 0) return;
    this.#memory.setByte('ppin', INITIALISED);
    this.#memory.setWord('pprq', PPI_OPERATION.none);
    this.#memory.setWord('lppr', PPI_OPERATION.none);
    this.#memory.setByte('nextStep', 0);
  }

  /**
   * Carries the pending request out, or a part of it. Afterwards the memory holds the last
   * operation and its result, and no request. A call during another one joins it.
   *
   * @returns what became of it; rejects only with what `confirm` or `applySetting` throws
   */
  execute(): Promise<PpiOutcome> {
    this.#running ??= this.#execute().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  async #execute(): Promise<PpiOutcome> {
    const operation = this.#memory.word('pprq');
    const parameter = this.#memory.word('pprm');
    const interrupted = this.#interrupted;
    this.#interrupted = undefined;
    if (operation === PPI_OPERATION.none) return { status: 'none-pending', resetDue: false };
    const isResumed = interrupted?.operation === operation;
    const attempt = isResumed
      ? await this.#perform(operation, parameter, interrupted.resumeAt)
      : await this.#attempt({ operation, name: operationName(operation), parameter });
    const { result, resumeAt, resetDue } = attempt;
    if (resumeAt !== undefined) {
      this.#interrupted = { operation, resumeAt };
      return { status: 'unfinished', operation, resetDue: true };
    }
    this.#memory.setWord('pprp', result);
    this.#memory.setWord('lppr', operation);
    this.#memory.setWord('pprq', PPI_OPERATION.none);
    this.#memory.setWord('pprm', 0);
    return { status: 'finished', operation, result, resetDue };
  }

  #statusOf(operation: number): number {
    return this.#functions.get(operation) ?? PPI_FUNCTION.notImplemented;
  }

  async #attempt(request: PpiRequest): Promise<Attempt> {
    const { operation, parameter } = request;
    const status = this.#statusOf(operation);
    if (status === PPI_FUNCTION.notImplemented) {
      const isIgnored = operation <= LAST_IGNORED_OPERATION;
      const result = isIgnored ? PPI_RESULT.success : PPI_RESULT.firmwareFailure;
      return { result, resetDue: false };
    }
    if (status === PPI_FUNCTION.firmwareOnly || status === PPI_FUNCTION.blocked) {
      return { result: PPI_RESULT.firmwareFailure, resetDue: false };
    }
    // OVMF: executes this one without asking, although it shows it as one to confirm.
    const asks =
      status === PPI_FUNCTION.allowedAfterConfirmation && operation !== PPI_OPERATION.logAllDigests;
    if (asks && (await this.#options.confirm?.(request)) !== true) {
      return { result: PPI_RESULT.userAbort, resetDue: false };
    }
    return await this.#perform(operation, parameter, 0);
  }

  async #perform(operation: number, parameter: number, from: number): Promise<Attempt> {
    const setting = SETTINGS.get(operation);
    if (setting !== undefined) {
      const isApplied = (await this.#options.applySetting?.(setting)) === true;
      const result = isApplied ? PPI_RESULT.success : PPI_RESULT.firmwareFailure;
      return { result, resetDue: true };
    }
    const session = new PpiSession(this.#backend);
    if (this.#backend.tpmVersion === '1.2') {
      return { ...(await performOnTpm12(session, operation, from)), resetDue: true };
    }
    return { result: await performOnTpm20(session, operation, parameter), resetDue: true };
  }
}
