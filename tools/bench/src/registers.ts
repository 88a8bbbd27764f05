import type { MmioRegion, TpmBackend } from 'tpm-core';
import { TisDevice } from 'tpm-tis';
import { type Figure, rate } from './measure.ts';

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

function readStatus(mmio: MmioRegion): (count: number) => void {
  return (count) => {
    let sum = 0;
    for (let index = 0; index < count; index++) sum += mmio.read(STATUS, 4);
    if (sum === 0) throw new Error('STS reads as zero');
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

/** Register accesses per second of the TIS device, without a bus in front of it. */
export async function registerFigures(): Promise<Figure[]> {
  const device = new TisDevice({ backend: SILENT_BACKEND });
  await device.reset();
  device.mmio.write(ACCESS, 1, 0x02);
  return [
    {
      name: 'TIS: 4-byte reads of STS',
      value: (await rate(readStatus(device.mmio), COUNT)) / 1e6,
      unit: 'million/s',
    },
    {
      name: 'TIS: 1-byte writes to the FIFO',
      value: (await rate(writeFifo(device.mmio), COUNT)) / 1e6,
      unit: 'million/s',
    },
  ];
}
