import { HASH_ALGORITHM, hashAlgorithmName, type PcrBanks } from 'tpm-fwcfg-ppi/event-log';
import { hexadecimal } from './hexadecimal.js';

/** One PCR as it is shown. */
export interface PcrRow {
  readonly pcr: number;
  /** Value in hexadecimal, lower case. */
  readonly value: string;
  /** `reset` of one that holds only zeros or only ones: nothing was measured into it. */
  readonly state: 'reset' | 'extended';
  /** The value is another one than in the table before. */
  readonly isChanged: boolean;
  /** Who measures into it (TCG PC Client Platform Firmware Profile; Linux). */
  readonly usage: string;
}

/** One bank as it is shown. */
export interface PcrBankView {
  /** TPM_ALG_ID. */
  readonly algorithm: number;
  readonly name: string;
  readonly rows: readonly PcrRow[];
}

const USAGES: readonly string[] = [
  'Firmware code',
  'Firmware configuration',
  'Option ROMs',
  'Option ROM configuration',
  'Boot loader',
  'Boot loader configuration',
  'Platform maker',
  'Secure Boot policy',
  'Operating system',
  'Operating system',
  'Linux IMA',
  'Operating system',
  'Operating system',
  'Operating system',
  'Operating system',
  'Operating system',
  'Debug, resettable',
  'Dynamic launch',
  'Dynamic launch',
  'Dynamic launch',
  'Dynamic launch',
  'Dynamic launch',
  'Dynamic launch',
  'Application, resettable',
];

/** Banks in the order in which they are offered: the one that people look at first. */
const BANK_ORDER: readonly number[] = [
  HASH_ALGORITHM['SHA-256'],
  HASH_ALGORITHM['SHA-1'],
  HASH_ALGORITHM['SHA-384'],
  HASH_ALGORITHM['SHA-512'],
];

/** Banks that a TPM may have and that are looked for. */
export const SHOWN_BANKS: readonly number[] = BANK_ORDER;

function isReset(value: Uint8Array): boolean {
  const first = value[0] ?? 0;
  return (first === 0 || first === 0xff) && value.every((byte) => byte === first);
}

function previousValue(
  before: readonly PcrBankView[],
  algorithm: number,
  pcr: number,
): string | undefined {
  const bank = before.find((view) => view.algorithm === algorithm);
  return bank?.rows.find((row) => row.pcr === pcr)?.value;
}

/**
 * @param banks the PCRs now
 * @param before the table that was shown last; empty for the first
 */
export function viewPcrs(banks: PcrBanks, before: readonly PcrBankView[]): PcrBankView[] {
  return BANK_ORDER.filter((algorithm) => banks.has(algorithm)).map((algorithm) => ({
    algorithm,
    name: hashAlgorithmName(algorithm),
    rows: Array.from(banks.get(algorithm) ?? [], ([pcr, bytes]): PcrRow => {
      const value = hexadecimal(bytes);
      const previous = previousValue(before, algorithm, pcr);
      return {
        pcr,
        value,
        state: isReset(bytes) ? 'reset' : 'extended',
        isChanged: previous !== undefined && previous !== value,
        usage: USAGES[pcr] ?? '',
      };
    }),
  }));
}
