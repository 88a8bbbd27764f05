// Address space descriptors of a bus bridge (ACPI Specification 6.4, sections 6.4.3.5.2 and
// 6.4.3.5.3): a range of the bus that the bridge passes on.

import type { aml } from 'tpm-integration/assembly';

const WORD = { tag: 0x88, width: 2 } as const;
const DOUBLE_WORD = { tag: 0x87, width: 4 } as const;

/** Resource type, and the flags that go with it. */
const MEMORY = { type: 0, flags: 0x01 } as const;
const PORTS = { type: 1, flags: 0x03 } as const;
const BUS_NUMBERS = { type: 2, flags: 0x00 } as const;

/** Fixed at both ends, decoded positively, produced for the bus behind the bridge. */
const PRODUCED_FIXED_RANGE = 0x0c;

function descriptor(
  { tag, width }: typeof WORD | typeof DOUBLE_WORD,
  { type, flags }: typeof MEMORY | typeof PORTS | typeof BUS_NUMBERS,
  first: number,
  last: number,
): aml.AmlResource {
  const bytes = new Uint8Array(6 + 5 * width);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, tag);
  view.setUint16(1, bytes.length - 3, true);
  bytes.set([type, PRODUCED_FIXED_RANGE, flags], 3);
  // Granularity, first, last, translation, length.
  for (const [index, value] of [0, first, last, 0, last - first + 1].entries()) {
    const at = 6 + index * width;
    if (width === 2) view.setUint16(at, value, true);
    else view.setUint32(at, value, true);
  }
  return bytes as Uint8Array as aml.AmlResource;
}

/** `WordBusNumber (ResourceProducer, MinFixed, MaxFixed, PosDecode, 0, first, last, 0, …)` */
export function wordBusNumbers(first: number, last: number): aml.AmlResource {
  return descriptor(WORD, BUS_NUMBERS, first, last);
}

/** `WordIO (ResourceProducer, MinFixed, MaxFixed, PosDecode, EntireRange, 0, first, last, 0, …)` */
export function wordPorts(first: number, last: number): aml.AmlResource {
  return descriptor(WORD, PORTS, first, last);
}

/** `DWordMemory (ResourceProducer, PosDecode, MinFixed, MaxFixed, NonCacheable, ReadWrite, 0, …)` */
export function doubleWordMemory(first: number, last: number): aml.AmlResource {
  return descriptor(DOUBLE_WORD, MEMORY, first, last);
}
