import { HEADER_SIZE, readHeader, TPM_CC, TPM_ORD, TPM_ST, TPM_TAG } from 'tpm-core';
import type { TisSnapshot } from 'tpm-tis';
import type { DrivenHeadless } from './peers.js';
import { readLine } from './qtest-client.js';
import { COMMANDS } from './traffic.js';

/** How a register shows that a command is answered. */
export interface AnswerSign {
  readonly address: number;
  readonly mask: bigint;
  readonly value: bigint;
}

/** A device in the state in which an access finds it that may start a command. */
export interface StartWatch {
  /**
   * Deliberate difference: a command shorter than a header is not sent, or answered with a failure,
   * by our side; in QEMU, swtpm waits for the rest for ever. The access is left out on both sides.
   */
  readonly isShorterThanHeader: boolean;
  /**
   * Not comparable: the guest happened to put the code of a command together that is not among
   * those sent on purpose. Its answer may hold random numbers or the time, such as the handle of a
   * session. The access is left out on both sides.
   */
  readonly isOfOtherCode: boolean;
  /**
   * Waits until our side has answered.
   *
   * @returns how the answer shows; `undefined` when the access started no command
   */
  answered(): Promise<AnswerSign | undefined>;
}

/** What a comparison with QEMU has to know about the device that is compared. */
export interface ComparedDevice {
  /** Looks at our side before an access that may start a command. */
  watch(ours: DrivenHeadless, base: number): Promise<StartWatch>;
  /** @returns reads of everything that an answer may change, apart from the response itself */
  fingerprint(base: number): readonly string[];
}

const PAGE = 0x1000;
const LOCALITIES = 5;
const TIS = { access: 0x00, interruptStatus: 0x10, status: 0x18, expect: 0x08 } as const;
const TIS_DATA_AVAILABLE = 0x10n;

/** The FIFO interface, of either variant. */
export const TIS_COMPARED: ComparedDevice = {
  async watch({ machine }, base) {
    const snapshot = async () => (await machine.tpm!.snapshot()) as TisSnapshot;
    const before = await snapshot();
    const locality = before.activeLocality;
    const active = before.localities[locality];
    const receives = active?.state === 'reception';
    return {
      isShorterThanHeader:
        receives && (active.status & TIS.expect) === 0 && before.offset < HEADER_SIZE,
      isOfOtherCode: false,
      async answered() {
        const { localities } = await snapshot();
        if (!receives || localities[locality]?.state !== 'completion') return undefined;
        const address = base + locality * PAGE + TIS.status;
        return { address, mask: TIS_DATA_AVAILABLE, value: TIS_DATA_AVAILABLE };
      },
    };
  },
  fingerprint: (base) =>
    Array.from({ length: LOCALITIES }, (_, locality) =>
      [TIS.access, TIS.interruptStatus, TIS.status].map((offset) =>
        readLine(base + locality * PAGE + offset, 4),
      ),
    ).flat(),
};

const CRB = { locState: 0x00, locStatus: 0x0c, status: 0x44, start: 0x4c } as const;
const CRB_PAGE = { data: 0x80, size: 0x1000 } as const;
const CRB_START = 0x01n;

/** Codes of the commands that sessions send on purpose. */
const SENT_CODES: ReadonlySet<number> = new Set(
  Object.values(COMMANDS)
    .flat()
    .map((hex) => readHeader(Buffer.from(hex, 'hex'))!.code),
);

/** Tags that a command of either family has; what is left of a response is none. */
const COMMAND_TAGS: ReadonlySet<number> = new Set([
  TPM_ST.NO_SESSIONS,
  TPM_ST.SESSIONS,
  TPM_TAG.RQU_COMMAND,
  TPM_TAG.RQU_AUTH1_COMMAND,
  TPM_TAG.RQU_AUTH2_COMMAND,
]);

/** Codes that a TPM of either family may execute. */
const KNOWN_CODES: ReadonlySet<number> = new Set([
  ...Object.values(TPM_CC),
  ...Object.values(TPM_ORD),
]);

/** The command response buffer. */
export const CRB_COMPARED: ComparedDevice = {
  async watch(ours, base) {
    await ours.machine.tpm!.settled();
    const before = ours.commands;
    const bytes = new Uint8Array(HEADER_SIZE);
    ours.machine.memory.busRead(base + CRB_PAGE.data, bytes);
    const { tag, size, code } = readHeader(bytes)!;
    return {
      isShorterThanHeader: size < HEADER_SIZE,
      isOfOtherCode: COMMAND_TAGS.has(tag) && KNOWN_CODES.has(code) && !SENT_CODES.has(code),
      async answered() {
        await ours.machine.tpm!.settled();
        if (ours.commands === before) return undefined;
        return { address: base + CRB.start, mask: CRB_START, value: 0n };
      },
    };
  },
  fingerprint: (base) => [
    ...[CRB.locState, CRB.locStatus, CRB.status, CRB.start].map((at) => readLine(base + at, 4)),
    `read 0x${(base + CRB_PAGE.data).toString(16)} ${CRB_PAGE.size - CRB_PAGE.data}`,
  ],
};
