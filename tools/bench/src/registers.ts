import type { MmioRegion, TpmBackend } from 'tpm-core';
import { CrbDevice } from 'tpm-crb';
import { TisDevice } from 'tpm-tis';
import { compare, type Figure } from './measure.ts';

/** A back end that is never asked: register accesses alone are measured. */
const SILENT_BACKEND: TpmBackend = {
  kind: 'silent',
  tpmVersion: '2.0',
  description: { type: 'silent', options: {} },
  established: false,
  attach: () => {},
  detach: () => {},
  bufferSize: async () => 4096,
  start: async (options) => options.bufferSize,
  execute: () => new Promise(() => {}),
  cancel: () => {},
  reset: async () => {},
  resetEstablished: async () => {},
  migrationBlocker: () => undefined,
  snapshot: async () => ({ format: 'silent/1' }),
  restore: async () => {},
  close: async () => {},
  onEvent: undefined,
  trace: undefined,
};

const COUNT = 2_000_000;
const STATUS = 0x018;
const ACCESS = 0x000;
const DATA_FIFO = 0x024;
const FIFO_CAPACITY = 4096;
const CRB_LOC_CONTROL = 0x008;
const CRB_STATUS = 0x044;
const CRB_DATA = 0x080;
const CRB_DATA_SIZE = 0xf80;

function readRegister(mmio: MmioRegion, offset: number): (count: number) => void {
  return (count) => {
    let sum = 0;
    for (let index = 0; index < count; index++) sum += mmio.read(offset, 4);
    if (sum === 0) throw new Error(`The register at 0x${offset.toString(16)} reads as zero`);
  };
}

function writeDataBuffer(mmio: MmioRegion): (count: number) => void {
  return (count) => {
    for (let index = 0; index < count; index++) {
      mmio.write(CRB_DATA + ((4 * index) % CRB_DATA_SIZE), 4, index);
    }
  };
}

function writeFifo(mmio: MmioRegion): (count: number) => void {
  return (count) => {
    for (let index = 0; index < count; index++) {
      if (index % FIFO_CAPACITY === 0) {
        mmio.write(STATUS, 1, 0x40);
        mmio.write(STATUS, 1, 0x40);
      }
      mmio.write(DATA_FIFO, 1, 0xff);
    }
  };
}

/** Register accesses per second of the TIS and CRB devices, without a bus in front of them. */
export async function registerFigures(): Promise<Figure[]> {
  const tis = new TisDevice({ backend: SILENT_BACKEND });
  await tis.reset();
  tis.mmio.write(ACCESS, 1, 0x02);
  const crb = new CrbDevice({ backend: SILENT_BACKEND });
  await crb.reset();
  crb.mmio.write(CRB_LOC_CONTROL, 4, 0x01);
  const read = await compare(
    readRegister(crb.mmio, CRB_STATUS),
    readRegister(tis.mmio, STATUS),
    COUNT,
  );
  const write = await compare(writeDataBuffer(crb.mmio), writeFifo(tis.mmio), COUNT);
  const rate = (name: string, seconds: number) => ({
    name,
    value: 1 / seconds / 1e6,
    unit: 'million/s',
  });
  return [
    rate('TIS: 4-byte reads of STS', read.b),
    rate('TIS: 1-byte writes to the FIFO', write.b),
    rate('CRB: 4-byte reads of CTRL_STS', read.a),
    rate('CRB: 4-byte writes to the data buffer', write.a),
    { name: 'Read of the status, CRB to TIS', value: read.ratio, unit: 'times', aim: '≤ 1' },
    { name: 'Write of data, CRB to TIS', value: write.ratio, unit: 'times', aim: '≤ 1' },
  ];
}
