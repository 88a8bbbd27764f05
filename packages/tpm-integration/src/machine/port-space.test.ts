import { expect, test } from 'vitest';
import { type PortRegion, PortSpace } from './port-space.js';

/** Ports that read as their own number, and a log of what reached them. */
function rig() {
  const log: string[] = [];
  const region: PortRegion = {
    size: 6,
    read(offset, width) {
      log.push(`read ${offset} ${width}`);
      return 0x0d0c_0b0a >>> (32 - 8 * width);
    },
    write: (offset, width, value) => void log.push(`write ${offset} ${width} ${value}`),
  };
  const ports = new PortSpace();
  ports.map(0x510, region);
  return { ports, log };
}

test.each([
  [0x510, 1, 0x0d, 'read 0 1'],
  [0x510, 2, 0x0d0c, 'read 0 2'],
  [0x510, 4, 0x0d0c_0b0a, 'read 0 4'],
  [0x50f, 4, 0x0d0d_0cff, 'read 0 2', 'read 2 1'],
  [0x50d, 4, 0x0dff_ffff, 'read 0 1'],
  [0x511, 4, 0x0d0d_0c0d, 'read 1 1', 'read 2 2', 'read 4 1'],
  [0x514, 4, 0xffff_0d0c, 'read 4 2'],
  [0x515, 2, 0xff0d, 'read 5 1'],
  [0x516, 4, 0xffff_ffff],
  [0xfffe, 4, 0x0000_ffff],
] as const)(
  'PortSpace.read(%d, %d) gives %d and cuts as QEMU does',
  (port, width, value, ...log) => {
    const { ports, log: actual } = rig();
    expect(ports.read(port, width)).toBe(value);
    expect(actual).toEqual(log);
  },
);

test.each([
  [0x510, 4, 0x8040_2010, `write 0 4 ${0x8040_2010}`],
  [0x510, 2, 0x8040_2010, `write 0 2 ${0x2010}`],
  [0x50f, 4, 0x8040_2010, `write 0 2 ${0x4020}`, `write 2 1 ${0x80}`],
  [0x515, 4, 0x8040_2010, `write 5 1 ${0x10}`],
  [0x50c, 4, 0x8040_2010],
  [0xffff, 4, 0x8040_2010],
] as const)('PortSpace.write(%d, %d, %d) cuts as QEMU does', (port, width, value, ...log) => {
  const { ports, log: actual } = rig();
  ports.write(port, width, value);
  expect(actual).toEqual(log);
});
