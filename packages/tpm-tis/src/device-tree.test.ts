import { describe, expect, it } from 'vitest';
import { tisDeviceTree } from './device-tree.js';

describe('tisDeviceTree', () => {
  it('tisDeviceTree() describes the platform bus and the device as QEMU does on virt', () => {
    expect(tisDeviceTree({ interruptParent: 0x8002 })).toEqual({
      name: 'platform-bus@c000000',
      properties: {
        compatible: ['qemu,platform', 'simple-bus'],
        '#address-cells': [1],
        '#size-cells': [1],
        ranges: [0, 0, 0x0c00_0000, 0x0200_0000],
        'interrupt-parent': [0x8002],
      },
      children: [
        {
          name: 'tpm_tis@0',
          properties: { compatible: ['tcg,tpm-tis-mmio'], reg: [0, 0x5000] },
          children: [],
        },
      ],
    });
  });

  it('tisDeviceTree() follows the address of the bus and the offset on it', () => {
    const bus = tisDeviceTree({ interruptParent: 1, busAddress: 0x4_0c00_0000, offset: 0x1_a000 });
    expect(bus.name).toBe('platform-bus@40c000000');
    expect(bus.properties.ranges).toEqual([0, 4, 0x0c00_0000, 0x0200_0000]);
    expect(bus.children[0]).toMatchObject({
      name: 'tpm_tis@1a000',
      properties: { reg: [0x1_a000, 0x5000] },
    });
  });
});
