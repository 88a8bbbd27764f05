import { TPM_CC, type WireWriter } from 'tpm-core';
import type { ResponseCode } from '../response-code.js';
import type { Value, WireType } from '../structures/wire-type.js';
import type { Tpm } from '../tpm.js';

/**
 * Role of an authorization (TPM 2.0 Library, Part 1, section "Authorization Roles"): what a session
 * has to fulfil so that the entity behind a handle can be used.
 */
export type AuthRole = 'user' | 'admin' | 'dup';

/** A handle of a command's handle area. */
export interface HandleDescription {
  readonly type: WireType<number>;
  /** Role that a session must authorize; absent where the handle needs no authorization. */
  readonly role?: AuthRole;
}

/** Name of a command: the standard's without the prefix `TPM2_`. */
export type CommandName = keyof typeof TPM_CC;

type Handles = Readonly<Record<string, HandleDescription>>;
// biome-ignore lint/suspicious/noExplicitAny: a value's type is recovered from its description
type Parameters = Readonly<Record<string, WireType<any>>>;

/** A row of the command table (Part 3: the tables "Command" and "Response" of each command). */
export interface CommandRow<H extends Handles, P extends Parameters, R extends Parameters> {
  /** Handle area in wire order. */
  readonly handles?: H;
  /** Parameters in wire order. */
  readonly parameters?: P;
  /** Response parameters in wire order. */
  readonly response?: R;
  /** Whether the response has a handle; the action returns it as `responseHandle`. */
  readonly responseHandle?: true;
  /** The command may write to NV (TPMA_CC nv). */
  readonly nv?: true;
  /** The command may flush any number of loaded contexts (TPMA_CC extensive). */
  readonly extensive?: true;
  /** The command flushes the transient object of its first handle (TPMA_CC flushed). */
  readonly flushed?: true;
  /** `'none'` refuses a session area with TPM_RC_AUTH_CONTEXT. */
  readonly sessions?: 'none';
  /** Runs before TPM2_Startup too (TPM2_Startup itself). */
  readonly beforeStartup?: true;
}

/** Decoded handles and parameters of a command. */
export type Input<H extends Handles, P extends Parameters> = {
  readonly [K in keyof H]: number;
} & { readonly [K in keyof P]: Value<P[K]> };

/** Response parameters; with `responseHandle` where the row says so. */
export type Output<R extends Parameters> = {
  readonly [K in keyof R]: Value<R[K]>;
} & { readonly responseHandle?: number };

/**
 * What an action hands back: the response parameters, or a response code. `TPM_RC.SUCCESS` stands
 * for a response without parameters.
 */
export type Outcome<O> = O | ResponseCode;

/**
 * An action that takes long: it yields between steps, where the page gets its turn and a cancel is
 * looked at. State may only change after the last step.
 */
export type Steps<O> = Generator<void, Outcome<O>, void>;

/**
 * What a command does once its authorization and its parameters are checked. Codes it returns
 * carry their parameter or handle number (`atParameter`, `atHandle`).
 */
export type Action<I, O> = (tpm: Tpm, input: I) => Outcome<O> | Steps<O>;

/** A command as the dispatcher sees it. */
export interface Command {
  readonly name: CommandName;
  readonly code: number;
  readonly handles: readonly (HandleDescription & { readonly name: string })[];
  readonly parameters: readonly (readonly [string, WireType<unknown>])[];
  readonly response: readonly (readonly [string, WireType<unknown>])[];
  readonly responseHandle: boolean;
  /** Whether a session area is refused. */
  readonly withoutSessions: boolean;
  readonly beforeStartup: boolean;
  /** TPMA_CC bits as GetCapability shows them. */
  readonly attributes: number;
  /** Absent while the command isn't there: it then answers TPM_RC_COMMAND_CODE. */
  readonly action: Action<Readonly<Record<string, unknown>>, object> | undefined;
}

/** TPMA_CC (Part 2, section 8.9). */
const TPMA_CC = {
  nv: 0x0040_0000,
  extensive: 0x0080_0000,
  flushed: 0x0100_0000,
  cHandlesShift: 25,
  rHandle: 0x1000_0000,
} as const;

/**
 * Describes a command: a row of the table and, once it is there, the function that carries it out.
 *
 * @param name the standard's name without `TPM2_`
 */
export function command<
  const H extends Handles = Record<never, HandleDescription>,
  const P extends Parameters = Record<never, WireType<unknown>>,
  const R extends Parameters = Record<never, WireType<unknown>>,
>(name: CommandName, row: CommandRow<H, P, R>, action?: Action<Input<H, P>, Output<R>>): Command {
  const handles = Object.entries(row.handles ?? {}).map(([handle, description]) => ({
    name: handle,
    ...description,
  }));
  return {
    name,
    code: TPM_CC[name],
    handles,
    parameters: Object.entries(row.parameters ?? {}),
    response: Object.entries(row.response ?? {}),
    responseHandle: row.responseHandle === true,
    withoutSessions: row.sessions === 'none',
    beforeStartup: row.beforeStartup === true,
    attributes:
      TPM_CC[name] |
      (row.nv ? TPMA_CC.nv : 0) |
      (row.extensive ? TPMA_CC.extensive : 0) |
      (row.flushed ? TPMA_CC.flushed : 0) |
      (handles.length << TPMA_CC.cHandlesShift) |
      (row.responseHandle ? TPMA_CC.rHandle : 0),
    action: action as Command['action'],
  };
}

/** Writes the response parameters in the order of the row. */
export function marshalResponse(
  command: Command,
  writer: WireWriter,
  output: Readonly<Record<string, unknown>>,
): void {
  for (const [name, type] of command.response) type.marshal(writer, output[name]);
}

/** A handle that needs authorization in the user role. */
export function user(type: WireType<number>): HandleDescription {
  return { type, role: 'user' };
}

/** A handle that needs authorization in the admin role. */
export function admin(type: WireType<number>): HandleDescription {
  return { type, role: 'admin' };
}

/** A handle that needs authorization in the duplication role. */
export function dup(type: WireType<number>): HandleDescription {
  return { type, role: 'dup' };
}

/** A handle that needs no authorization. */
export function plain(type: WireType<number>): HandleDescription {
  return { type };
}
