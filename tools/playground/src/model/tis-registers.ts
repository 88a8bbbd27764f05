// What the registers panel shows of the TIS device. Only registers whose read has no effect are
// here: looking must not take bytes out of the FIFO.

import {
  ACCESS,
  DID_VID,
  INT_ENABLE,
  INT_STATUS,
  INT_VECTOR,
  INTERFACE_ID,
  INTF_CAPABILITY,
  LOCALITY_COUNT,
  LOCALITY_PAGE_SIZE,
  RID,
  STS,
} from 'tpm-tis';
import type { RegisterDefinition } from './register-fields.js';

const STS_BURST_COUNT_MASK = 0x00ff_ff00;
const INTERFACE_VERSION_MASK = 0x7000_0000;
const TRANSFER_SIZE_MASK = 0x0000_0600;
const INTERFACE_TYPE_MASK = 0x0000_000f;
const ID_LOW_MASK = 0x0000_ffff;
const ID_HIGH_MASK = 0xffff_0000;
const REVISION_MASK = 0x0000_00ff;

const hexWords = (value: number): string => `0x${value.toString(16)}`;

const INTERFACE_VERSIONS: ReadonlyMap<number, string> = new Map([
  [0, 'TIS 1.21'],
  [2, 'TIS 1.3'],
  [3, 'PTP, TPM 2.0'],
]);

const TRANSFER_SIZES: readonly string[] = ['legacy', '8 bytes', '32 bytes', '64 bytes'];

/** The register of a locality that changes most while a guest works. */
const PER_LOCALITY: readonly RegisterDefinition[] = [
  {
    name: 'TPM_ACCESS',
    offset: ACCESS.offset,
    width: 1,
    meaning: 'Which locality owns the TPM, and who waits for it',
    fields: [
      { name: 'tpmRegValidSts', mask: ACCESS.tpmRegValidSts },
      { name: 'activeLocality', mask: ACCESS.activeLocality },
      { name: 'beenSeized', mask: ACCESS.beenSeized },
      { name: 'pendingRequest', mask: ACCESS.pendingRequest },
      { name: 'requestUse', mask: ACCESS.requestUse },
      { name: 'tpmEstablishment', mask: ACCESS.tpmEstablishment },
    ],
  },
  {
    name: 'TPM_STS',
    offset: STS.offset,
    width: 4,
    meaning: 'Where the command interface is: ready, receiving, executing, answering',
    fields: [
      { name: 'stsValid', mask: STS.stsValid },
      { name: 'commandReady', mask: STS.commandReady },
      { name: 'tpmGo', mask: STS.tpmGo },
      { name: 'dataAvail', mask: STS.dataAvail },
      { name: 'Expect', mask: STS.expect },
      { name: 'selfTestDone', mask: STS.selfTestDone },
      { name: 'burstCount', mask: STS_BURST_COUNT_MASK, words: (value) => `${value} bytes` },
      {
        name: 'tpmFamily',
        mask: STS.tpmFamily,
        words: (value) => (value === 1 ? 'TPM 2.0' : value === 0 ? 'TPM 1.2' : `${value}`),
      },
    ],
  },
  {
    name: 'TPM_INT_ENABLE',
    offset: INT_ENABLE.offset,
    width: 4,
    meaning: 'Which events raise the interrupt line',
    fields: [
      { name: 'globalIntEnable', mask: INT_ENABLE.globalIntEnable },
      { name: 'commandReadyEnable', mask: INT_ENABLE.commandReady },
      { name: 'localityChangeIntEnable', mask: INT_ENABLE.localityChange },
      { name: 'stsValidIntEnable', mask: INT_ENABLE.stsValid },
      { name: 'dataAvailIntEnable', mask: INT_ENABLE.dataAvail },
    ],
  },
  {
    name: 'TPM_INT_STATUS',
    offset: INT_STATUS.offset,
    width: 4,
    meaning: 'Which of those events happened',
    fields: [
      { name: 'commandReadyIntOccured', mask: INT_ENABLE.commandReady },
      { name: 'localityChangeIntOccured', mask: INT_ENABLE.localityChange },
      { name: 'stsValidIntOccured', mask: INT_ENABLE.stsValid },
      { name: 'dataAvailIntOccured', mask: INT_ENABLE.dataAvail },
    ],
  },
];

/** Registers that are the same in every locality. */
const SHARED: readonly RegisterDefinition[] = [
  {
    name: 'TPM_INT_VECTOR',
    offset: INT_VECTOR.offset,
    width: 4,
    meaning: 'Interrupt number of the device',
    fields: [{ name: 'sirqVec', mask: INTERFACE_TYPE_MASK, words: (value) => `IRQ ${value}` }],
  },
  {
    name: 'TPM_INTF_CAPABILITY',
    offset: INTF_CAPABILITY.offset,
    width: 4,
    meaning: 'What the interface can do',
    fields: [
      {
        name: 'InterfaceVersion',
        mask: INTERFACE_VERSION_MASK,
        words: (value) => INTERFACE_VERSIONS.get(value) ?? `${value}`,
      },
      {
        name: 'DataTransferSizeSupport',
        mask: TRANSFER_SIZE_MASK,
        words: (value) => TRANSFER_SIZES[value] ?? `${value}`,
      },
    ],
  },
  {
    name: 'TPM_INTERFACE_ID',
    offset: INTERFACE_ID.offset,
    width: 4,
    meaning: 'Which interfaces there are',
    fields: [
      {
        name: 'InterfaceType',
        mask: INTERFACE_TYPE_MASK,
        words: (value) => (value === 0 ? 'FIFO (PTP)' : value === 0xf ? 'FIFO (TIS)' : `${value}`),
      },
      { name: 'IntfSelLock', mask: INTERFACE_ID.intfSelLock },
    ],
  },
  {
    name: 'TPM_DID_VID',
    offset: DID_VID.offset,
    width: 4,
    meaning: 'Device and vendor; Linux prints them',
    fields: [
      { name: 'vendor', mask: ID_LOW_MASK, words: hexWords },
      { name: 'device', mask: ID_HIGH_MASK, words: hexWords },
    ],
  },
  {
    name: 'TPM_RID',
    offset: RID.offset,
    width: 4,
    meaning: 'Revision; Linux prints it',
    fields: [{ name: 'revision', mask: REVISION_MASK, words: hexWords }],
  },
];

/** Registers of a locality, in the order in which they are shown. */
export const TIS_REGISTERS: readonly RegisterDefinition[] = [...PER_LOCALITY, ...SHARED];

/** @returns offset of a locality's page, 0 to 4 */
export function localityBase(locality: number): number {
  return Math.min(Math.max(locality, 0), LOCALITY_COUNT - 1) * LOCALITY_PAGE_SIZE;
}

/** @returns the locality whose TPM_ACCESS shows that it owns the TPM; `undefined` for none */
export function activeLocality(read: (offset: number, width: 1) => number): number | undefined {
  for (let locality = 0; locality < LOCALITY_COUNT; locality++) {
    const access = read(localityBase(locality) + ACCESS.offset, 1);
    if ((access & ACCESS.activeLocality) !== 0) return locality;
  }
  return undefined;
}
