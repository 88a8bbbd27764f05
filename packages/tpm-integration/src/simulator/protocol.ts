import type { Locality } from 'tpm-core';

/**
 * Messages of the TPM simulator protocol ("mssim"), as its clients number them: the TCTI `mssim` of
 * tpm2-tss, IBM's TSS, TSS.MSR. Every number on the wire is big-endian and has 32 bits. A message is
 * answered with a 32-bit 0, after whatever else the comment says.
 */
export const SIMULATOR = {
  POWER_ON: 1,
  POWER_OFF: 2,
  PHYS_PRES_ON: 3,
  PHYS_PRES_OFF: 4,
  /** Begins a measurement at locality 4 (_TPM_Hash_Start). */
  HASH_START: 5,
  /** Followed by a length and that many bytes (_TPM_Hash_Data). */
  HASH_DATA: 6,
  HASH_END: 7,
  /** Followed by locality (8 bits), length, command; answered with length, response. */
  SEND_COMMAND: 8,
  CANCEL_ON: 9,
  CANCEL_OFF: 10,
  NV_ON: 11,
  NV_OFF: 12,
  KEY_CACHE_ON: 13,
  KEY_CACHE_OFF: 14,
  /** Followed by the client's version; answered with the server's and its {@link ENDPOINT} flags. */
  REMOTE_HANDSHAKE: 15,
  SET_ALTERNATIVE_RESULT: 16,
  RESET: 17,
  SESSION_END: 20,
  /** Ends the server. */
  STOP: 21,
} as const;

/** Name of a simulator message. */
export type SimulatorMessage = keyof typeof SIMULATOR;

/** Messages that begin a line of both ports. */
const EITHER_PORT: readonly SimulatorMessage[] = [
  'HASH_START',
  'HASH_DATA',
  'HASH_END',
  'REMOTE_HANDSHAKE',
  'SET_ALTERNATIVE_RESULT',
  'SESSION_END',
  'STOP',
];

/** The two ports; the platform port's number is one above the command port's. */
export type SimulatorPort = 'command' | 'platform';

function table(names: readonly SimulatorMessage[]): ReadonlyMap<number, SimulatorMessage> {
  return new Map(names.map((name) => [SIMULATOR[name], name]));
}

/** What each port understands, by number. */
export const PORT_MESSAGES: Readonly<Record<SimulatorPort, ReadonlyMap<number, SimulatorMessage>>> =
  {
    command: table(['SEND_COMMAND', ...EITHER_PORT]),
    platform: table([
      'POWER_ON',
      'POWER_OFF',
      'PHYS_PRES_ON',
      'PHYS_PRES_OFF',
      'CANCEL_ON',
      'CANCEL_OFF',
      'NV_ON',
      'NV_OFF',
      'KEY_CACHE_ON',
      'KEY_CACHE_OFF',
      'RESET',
      ...EITHER_PORT,
    ]),
  };

/** Version of the protocol that a handshake names. */
export const PROTOCOL_VERSION = 1;

/** Flags with which a handshake describes the server. */
export const ENDPOINT = {
  /** There is a platform port. */
  platformAvailable: 0x01,
  /** Physical presence can be signalled. */
  physicalPresence: 0x08,
} as const;

/** Ends every answer: the message was carried out, or it was not. */
export const ACKNOWLEDGEMENT = { done: 0, failed: 1 } as const;

/** Most bytes of one HASH_DATA. */
export const HASH_DATA_LIMIT = 0x1_0000;

const LAST_LOCALITY = 4;

/**
 * Whether a locality byte names one of the five that {@link Locality} knows. The standard's extended
 * localities, 32 to 255, are not among them.
 */
export function isLocality(byte: number): byte is Locality {
  return byte <= LAST_LOCALITY;
}
