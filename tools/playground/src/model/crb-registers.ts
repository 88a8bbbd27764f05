// What the registers panel shows of the CRB device. Reading a control register has no effect.

import {
  CTRL_CANCEL,
  CTRL_CMD_ADDR,
  CTRL_CMD_SIZE,
  CTRL_REQ,
  CTRL_RSP_ADDR,
  CTRL_RSP_SIZE,
  CTRL_START,
  CTRL_STS,
  INTF_ID,
  LOC_CTRL,
  LOC_STATE,
  LOC_STS,
} from 'tpm-crb';
import type { RegisterDefinition } from './register-fields.js';

const ALL_BITS = 0xffff_ffff;
const INTERFACE_TYPE_MASK = 0x0000_000f;
const INTERFACE_VERSION_MASK = 0x0000_00f0;
const ACTIVE_LOCALITY_MASK = 0x0000_001c;
const CAP_CRB_MASK = 0x0000_4000;
const ID_MASK = 0x0000_ffff;

const bytesWords = (value: number): string => `${value} bytes`;
const hexWords = (value: number): string => `0x${value.toString(16)}`;

/** Registers of the CRB device, in the order in which they are shown. */
export const CRB_REGISTERS: readonly RegisterDefinition[] = [
  {
    name: 'TPM_LOC_STATE',
    offset: LOC_STATE.offset,
    width: 4,
    meaning: 'Whether the locality owns the TPM',
    fields: [
      { name: 'tpmRegValidSts', mask: LOC_STATE.tpmRegValidSts },
      { name: 'locAssigned', mask: LOC_STATE.locAssigned },
      { name: 'activeLocality', mask: ACTIVE_LOCALITY_MASK },
      { name: 'tpmEstablished', mask: LOC_STATE.tpmEstablished },
    ],
  },
  {
    name: 'TPM_LOC_CTRL',
    offset: LOC_CTRL.offset,
    width: 4,
    meaning: 'Written to ask for the TPM or to give it back; reads as zero',
    fields: [
      { name: 'requestAccess', mask: LOC_CTRL.requestAccess },
      { name: 'relinquish', mask: LOC_CTRL.relinquish },
    ],
  },
  {
    name: 'TPM_LOC_STS',
    offset: LOC_STS.offset,
    width: 4,
    meaning: 'Whether the locality was granted',
    fields: [{ name: 'Granted', mask: LOC_STS.granted }],
  },
  {
    name: 'TPM_CRB_CTRL_STS',
    offset: CTRL_STS.offset,
    width: 4,
    meaning: 'Idle, and whether the TPM failed for good',
    fields: [
      { name: 'tpmIdle', mask: CTRL_STS.tpmIdle },
      { name: 'tpmSts', mask: CTRL_STS.tpmSts },
    ],
  },
  {
    name: 'TPM_CRB_CTRL_START',
    offset: CTRL_START.offset,
    width: 4,
    meaning: 'Reads 1 until the answer is in the buffer',
    fields: [{ name: 'Start', mask: CTRL_START.start }],
  },
  {
    name: 'TPM_CRB_CTRL_REQ',
    offset: CTRL_REQ.offset,
    width: 4,
    meaning: 'Written to leave and to enter Idle; reads as zero',
    fields: [
      { name: 'cmdReady', mask: CTRL_REQ.cmdReady },
      { name: 'goIdle', mask: CTRL_REQ.goIdle },
    ],
  },
  {
    name: 'TPM_CRB_CTRL_CANCEL',
    offset: CTRL_CANCEL.offset,
    width: 4,
    meaning: 'Written to cut the running command short; reads as zero',
    fields: [{ name: 'Cancel', mask: CTRL_CANCEL.cancel }],
  },
  {
    name: 'TPM_INTF_ID',
    offset: INTF_ID.offset,
    width: 4,
    meaning: 'Which interfaces there are',
    fields: [
      {
        name: 'InterfaceType',
        mask: INTERFACE_TYPE_MASK,
        words: (value) => (value === 1 ? 'CRB' : `${value}`),
      },
      { name: 'InterfaceVersion', mask: INTERFACE_VERSION_MASK },
      { name: 'CapCRB', mask: CAP_CRB_MASK },
      { name: 'CapCRBChunk', mask: INTF_ID.capCrbChunk },
    ],
  },
  {
    name: 'TPM_INTF_ID, high half',
    offset: INTF_ID.highOffset,
    width: 4,
    meaning: 'Vendor of the device',
    fields: [{ name: 'VID', mask: ID_MASK, words: hexWords }],
  },
  {
    name: 'TPM_CRB_CTRL_CMD_SIZE',
    offset: CTRL_CMD_SIZE.offset,
    width: 4,
    meaning: 'Length of the command buffer',
    fields: [{ name: 'size', mask: ALL_BITS, words: bytesWords }],
  },
  {
    name: 'TPM_CRB_CTRL_CMD_LADDR',
    offset: CTRL_CMD_ADDR.lowOffset,
    width: 4,
    meaning: 'Where the command buffer is',
    fields: [{ name: 'address', mask: ALL_BITS, words: hexWords }],
  },
  {
    name: 'TPM_CRB_CTRL_RSP_SIZE',
    offset: CTRL_RSP_SIZE.offset,
    width: 4,
    meaning: 'Length of the response buffer',
    fields: [{ name: 'size', mask: ALL_BITS, words: bytesWords }],
  },
  {
    name: 'TPM_CRB_CTRL_RSP_ADDR',
    offset: CTRL_RSP_ADDR.lowOffset,
    width: 4,
    meaning: 'Where the response buffer is: the same',
    fields: [{ name: 'address', mask: ALL_BITS, words: hexWords }],
  },
];
