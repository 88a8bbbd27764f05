/** One access of the guest to a device register. */
export interface RegisterTraceEvent {
  readonly type: 'register-read' | 'register-write';
  /** Byte offset in the device's MMIO region. */
  readonly offset: number;
  /** Width in bytes: 1, 2 or 4. */
  readonly width: number;
  /** The value read or written, unsigned. */
  readonly value: number;
}

/** A command handed to the back end, or the response to it. */
export interface CommandTraceEvent {
  readonly type: 'command' | 'response';
  /** Locality of the command, 0 to 4. */
  readonly locality: number;
  /** The bytes; valid during the call only. */
  readonly bytes: Uint8Array;
}

/** A front end's state machine changed its state. */
export interface StateTraceEvent {
  readonly type: 'state';
  /** Locality whose state changed, 0 to 4. */
  readonly locality: number;
  readonly from: string;
  readonly to: string;
}

/** Another locality owns the TPM now; `-1` stands for none. */
export interface LocalityTraceEvent {
  readonly type: 'locality';
  readonly from: number;
  readonly to: number;
}

/** A request of the back end's control protocol, or the answer to it. */
export interface ControlTraceEvent {
  readonly type: 'control-request' | 'control-response';
  /** Name of the control command, for example `'SET_LOCALITY'`. */
  readonly name: string;
  /** The bytes as sent or received; valid during the call only. */
  readonly bytes: Uint8Array;
}

/** What a device or back end reports to a {@link TraceHook}. */
export type TraceEvent =
  | RegisterTraceEvent
  | CommandTraceEvent
  | StateTraceEvent
  | LocalityTraceEvent
  | ControlTraceEvent;

/**
 * Receives trace events. Must not call back into the device. No cost when absent.
 *
 * @example
 * const trace: TraceHook = (event) => {
 *   if (event.type === 'command') console.log(event.bytes.length);
 * };
 */
export type TraceHook = (event: TraceEvent) => void;
