import type { Command } from './commands/command.js';
import type { SessionUse } from './sessions/session-use.js';

/** What the steps of processing know of the command in progress. */
export interface CommandContext {
  readonly command: Command;
  /** Handles of the handle area. */
  readonly handles: readonly number[];
  /** Names of the handles' entities when the command came. */
  readonly names: readonly Uint8Array[];
  /** Sessions of the session area; empty without one. */
  readonly sessions: readonly SessionUse[];
  /** Parameter area as it came from the wire: what cpHash is made over. */
  readonly parameters: Uint8Array;
}
