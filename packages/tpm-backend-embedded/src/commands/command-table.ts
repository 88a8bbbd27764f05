import { ASYMMETRIC_PRIMITIVES } from './asymmetric-primitives.js';
import { ATTESTATION_COMMANDS } from './attestation-commands.js';
import { CAPABILITY_COMMANDS } from './capability-commands.js';
import { CLOCKS_AND_TIMERS } from './clocks-and-timers.js';
import type { Command } from './command.js';
import { COMMAND_AUDIT } from './command-audit.js';
import { CONTEXT_MANAGEMENT } from './context-management.js';
import { DICTIONARY_ATTACK_FUNCTIONS } from './dictionary-attack-functions.js';
import { DUPLICATION_COMMANDS } from './duplication-commands.js';
import { ENHANCED_AUTHORIZATION } from './enhanced-authorization.js';
import { EPHEMERAL_EC_KEYS } from './ephemeral-ec-keys.js';
import { HASH_HMAC_EVENT_SEQUENCES } from './hash-hmac-event-sequences.js';
import { HIERARCHY_COMMANDS } from './hierarchy-commands.js';
import { INTEGRITY_COLLECTION } from './integrity-collection.js';
import { MISCELLANEOUS_MANAGEMENT_FUNCTIONS } from './miscellaneous-management-functions.js';
import { NON_VOLATILE_STORAGE } from './non-volatile-storage.js';
import { OBJECT_COMMANDS } from './object-commands.js';
import { RANDOM_NUMBER_GENERATOR } from './random-number-generator.js';
import { SESSION_COMMANDS } from './session-commands.js';
import { SIGNING_AND_SIGNATURE_VERIFICATION } from './signing-and-signature-verification.js';
import { STARTUP } from './startup.js';
import { SYMMETRIC_PRIMITIVES } from './symmetric-primitives.js';
import { TESTING } from './testing.js';

/**
 * The command table: every command of the library that this TPM knows of, by its group in Part 3.
 * It drives the dispatcher, the marshalling, the authorization and the capabilities.
 */
export const COMMAND_TABLE: readonly Command[] = [
  ...STARTUP,
  ...TESTING,
  ...SESSION_COMMANDS,
  ...OBJECT_COMMANDS,
  ...DUPLICATION_COMMANDS,
  ...ASYMMETRIC_PRIMITIVES,
  ...SYMMETRIC_PRIMITIVES,
  ...RANDOM_NUMBER_GENERATOR,
  ...HASH_HMAC_EVENT_SEQUENCES,
  ...ATTESTATION_COMMANDS,
  ...EPHEMERAL_EC_KEYS,
  ...SIGNING_AND_SIGNATURE_VERIFICATION,
  ...COMMAND_AUDIT,
  ...INTEGRITY_COLLECTION,
  ...ENHANCED_AUTHORIZATION,
  ...HIERARCHY_COMMANDS,
  ...DICTIONARY_ATTACK_FUNCTIONS,
  ...MISCELLANEOUS_MANAGEMENT_FUNCTIONS,
  ...CONTEXT_MANAGEMENT,
  ...CLOCKS_AND_TIMERS,
  ...CAPABILITY_COMMANDS,
  ...NON_VOLATILE_STORAGE,
].sort((one, other) => one.code - other.code);

const BY_CODE: ReadonlyMap<number, Command> = new Map(
  COMMAND_TABLE.map((command) => [command.code, command]),
);

/** The commands that are there, by ascending code. */
export const IMPLEMENTED_COMMANDS: readonly Command[] = COMMAND_TABLE.filter(
  (command) => command.action !== undefined,
);

/** @returns the command with a code, or `undefined` when it isn't there */
export function findCommand(code: number): Command | undefined {
  const command = BY_CODE.get(code);
  return command?.action === undefined ? undefined : command;
}
