import { HEADER_SIZE, readHeader } from 'tpm-core';
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
   * Not comparable: the guest put another command code together than those that are sent on
   * purpose, and its answer may hold random numbers or the time, such as the handle of a session.
   * The access is left out on both sides.
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
/** Codes of the commands that sessions send. */
const COMMAND_CODES: ReadonlySet<number> = new Set(
  Object.values(COMMANDS)
    .flat()
    .map((hex) => readHeader(Buffer.from(hex, 'hex'))!.code),
);
const CRB_PAGE = { data: 0x80, size: 0x1000 } as const;
const CRB_START = 0x01n;

/** The command response buffer. */
export const CRB_COMPARED: ComparedDevice = {
  async watch(ours, base) {
    await ours.machine.tpm!.settled();
    const before = ours.commands;
    const bytes = new Uint8Array(HEADER_SIZE);
    ours.machine.memory.busRead(base + CRB_PAGE.data, bytes);
    const { size, code } = readHeader(bytes)!;
    return {
      isShorterThanHeader: size < HEADER_SIZE,
      isOfOtherCode: !COMMAND_CODES.has(code),
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
