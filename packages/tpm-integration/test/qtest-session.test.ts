import { existsSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import {
  type EmulatorCommand,
  type MachineChoice,
  startEmulator,
  startSwtpm,
  systemCommand,
  until,
} from './support/peers.js';
import { type Exchange, QtestClient } from './support/qtest-client.js';
import { Resources } from './support/resources.js';

const resources = new Resources();
afterEach(() => resources.release());

const PC_TPM = 0xfed4_0000;
const VIRT_TPM = 0x0c00_0000;

const VIRT_LINES = [
  'endianness',
  'inb 0x80',
  'inl 0xffff',
  'outb 0x80 1',
  'writel 0x40001000 0x55',
  'readl 0x40001000',
  'writeq 0x47fffffc 0x1122334455667788',
  'readq 0x47fffffc',
  'readl 0x0ffffffc',
  'readl 0x10000000',
  'readl 0x3efefffc',
  'readl 0x3eff0000',
  'readl 0x3efffffc',
  'readl 0x3f000000',
  'readl 0x7ffffffffc',
  'readl 0x8000000000',
  'readl 0xfffffffffc',
  'readl 0x10000000000',
  'readl 0x0d000000',
];

const MEMORY_LINES = [
  'endianness',
  'writeb 0x100 0x1ff',
  'readb 0x100',
  'writeq 0x101 0x1122334455667788',
  'readb 0x101',
  'readw 0x101',
  'readl 0x101',
  'readq 0x101',
  'writew 0x200 -2',
  'writel 0x202 4294967297',
  'readq 0x200',
  'readb 0400',
  'readb +0x100',
  'readb 0X100',
  'readb \t0x100',
  'readb -0x10',
  'readb 0x100 0x200',
  'readb 0x100 ',
  'readb 0xffffffffffffffff',
  'read 0x100 16',
  'write 0x100 4 0xAbcDeFg1',
  'read 0x100 4',
  'write 0x100 4 0xzz',
  'read 0x100 4',
  'write 0x100 2 zz5678',
  'read 0x100 4',
  'write 0x100 2 0x123',
  'read 0x100 4',
  'write 0x100 2 0x123456',
  'read 0x100 4',
  'write 0x100 2 0x',
  'write 0x100 0 0x12',
  'memset 0x100 4 0x1ff',
  'read 0x0fe 8',
  'memset 0x100 0 0x1',
  'b64write 0x100 4 AQIDBA==',
  'b64read 0x100 4',
  'b64read 0x100 5',
  'b64read 0x100 6',
  'b64read 0x100 0',
  'b64write 0x100 4 A!QIDBA==',
  'b64write 0x100 2 /+/+',
  'b64write 0x100 0 AQID',
  'read 0x100 8',
  'memset 0 8 0x55',
  'read 0xfffffffffffffffc 8',
  'write 0xfffffffffffffffc 8 0x1122334455667788',
  'read 0 8',
  'memset 0xfffffffffffffffc 8 0x77',
  'read 0 8',
  'read 0xffffffffffffffff 2',
  'writel 0x80000000 5',
  'readl 0x80000000',
  'write 0x7fffffe 4 0xaabbccdd',
  'read 0x7fffffe 4',
  'readq 0x7fffffc',
  'write 0x9fffe 4 0x11223344',
  'read 0x9fffe 4',
  'writel 0xbfffc 0x12345678',
  'readl 0xbfffc',
  'writel 0xc0000 0x12345678',
  'readl 0xc0000',
  'inb 0x80',
  'inw 0x1234',
  'inl 0x1234',
  'inw 0xffff',
  'inl 0xfffe',
  'inl 0xfffd',
  'inb 65535',
  'outb 0x80 1',
  'outw 0x80 1',
  'outl 0x80 1',
  'foo bar',
  'READB 0',
  ' readb 0',
  'readb\t0x100',
  'module_load a b',
];

const INTERRUPT_LINES = (controller: string, other: string) => [
  'irq_intercept_in nope',
  'set_irq_in nope unnamed-gpio-in 5 1',
  `set_irq_in ${controller} unnamed-gpio-in 5 1`,
  `irq_intercept_in ${controller}`,
  `irq_intercept_in ${controller}`,
  `irq_intercept_out ${controller}`,
  `irq_intercept_in ${other}`,
  `set_irq_in ${controller} unnamed-gpio-in 5 1`,
  `set_irq_in ${controller} unnamed-gpio-in 5 1`,
  `set_irq_in ${controller} unnamed-gpio-in 5 7`,
  `set_irq_in ${controller} unnamed-gpio-in 5 -1`,
  `set_irq_in ${controller} unnamed-gpio-in 5 0`,
  `set_irq_in ${controller} unnamed-gpio-in 5 0`,
  `set_irq_in ${controller} unnamed-gpio-in 23 1`,
];

const TPM_LINES = (base: number) => {
  const at = (offset: number) => `0x${(base + offset).toString(16)}`;
  return [
    `readl ${at(0)}`,
    `writeb ${at(0)} 2`,
    `readl ${at(0)}`,
    `writel ${at(8)} 0x8000009f`,
    `writeb ${at(0x18)} 0x40`,
    `readl ${at(0x10)}`,
    `writeb ${at(0x10)} 0x80`,
    `writeb ${at(0x18)} 0x40`,
    `readq ${at(0x18)}`,
    `readb ${at(0x19)}`,
    `readl ${at(0x19)}`,
    `read ${at(0x15)} 6`,
    `b64read ${at(0x10)} 16`,
    `write ${at(5)} 4 0xffffffff`,
    `read ${at(-2)} 4`,
    `readl ${at(0x4ffc)}`,
    `read ${at(0x4ffe)} 4`,
    `writel ${at(0x53fc)} 0x55667788`,
    `readl ${at(0x53fc)}`,
    `read ${at(0x53fe)} 4`,
    `memset ${at(0)} 1 0x20`,
    `readl ${at(0)}`,
    `memset ${at(0)} 0x5000 0`,
    `readl ${at(8)}`,
  ];
};

/** Interrupts of devices that only QEMU has: the timer of a PC. */
const TIMER = /^IRQ (raise|lower) 0$/;

function described(exchanges: readonly Exchange[], lines: readonly string[]): string[] {
  return exchanges.map(({ interrupts, answer }, index) =>
    [lines[index], ...interrupts.filter((line) => !TIMER.test(line)), answer].join(' | '),
  );
}

async function compare(
  choice: MachineChoice,
  lines: readonly string[],
  version?: '1.2' | '2.0',
): Promise<void> {
  const tpm = async () =>
    version === undefined ? undefined : (await startSwtpm(resources, version)).controlPath;
  const qemu = await startEmulator(resources, choice, await tpm());
  const ours = await startEmulator(resources, choice, await tpm(), systemCommand(choice));
  const expected = await qemu.client.commands(lines);
  const actual = await ours.client.commands(lines);
  expect(described(actual, lines)).toEqual(described(expected, lines));
}

test.each(['pc', 'q35'] as const)(
  'QtestServer answers memory and port commands of %s like QEMU',
  (family) => compare({ family }, MEMORY_LINES),
);

test('QtestServer answers memory and port commands of virt like QEMU', () =>
  compare({ family: 'virt' }, VIRT_LINES));

test.each([
  ['pc', 3072],
  ['pc', 4096],
  ['q35', 2816],
  ['q35', 3072],
] as const)('HeadlessMachine %s with %i MiB has memory where QEMU has it', (family, memory) =>
  compare(
    { family, memory },
    [0x8000_0000, 0xb000_0000, 0xc000_0000, 0xe000_0000, 0x1_0000_0004, 0x1_4000_0000].flatMap(
      (address) => [
        `write 0x${(address - 4).toString(16)} 8 0x1122334455667788`,
        `read 0x${(address - 4).toString(16)} 8`,
      ],
    ),
  ),
);

test.each([
  ['pc', 'ioapic', '/machine/nope'],
  ['pc', '/machine/i440fx/ioapic', '/machine/nope'],
  ['q35', 'ioapic', '/machine/nope'],
  ['q35', 'q35/ioapic', '/machine/nope'],
  ['virt', '/machine/unattached/device[1]', '/machine/nope'],
] as const)('QtestServer intercepts the pins of %s at %s like QEMU', (family, path, other) =>
  compare({ family }, INTERRUPT_LINES(path, other)),
);

test('QtestServer intercepts an object without pins like QEMU', () =>
  compare(
    { family: 'q35' },
    ['irq_intercept_in peripheral-anon/device[0]', 'irq_intercept_in ioapic', ...TPM_LINES(PC_TPM)],
    '2.0',
  ));

test.each([
  ['pc', '2.0', 'ioapic', PC_TPM],
  ['q35', '1.2', 'ioapic', PC_TPM],
  ['virt', '2.0', '/machine/unattached/device[1]', VIRT_TPM],
] as const)(
  'HeadlessMachine %s with a TPM %s answers at its edges like QEMU',
  (family, version, path, base) =>
    compare({ family }, [`irq_intercept_in ${path}`, ...TPM_LINES(base)], version),
);

test('HeadlessMachine without PPI memory reads zeros behind the registers, like QEMU', () =>
  compare({ family: 'q35', properties: { ppi: 'off' } }, TPM_LINES(PC_TPM), '2.0'));

test.each([1, 2, 8, 10, 15])('HeadlessMachine drives the pin of QEMU for irq=%i', (irq) =>
  compare(
    { family: 'q35', properties: { irq: String(irq) } },
    ['irq_intercept_in ioapic', ...TPM_LINES(PC_TPM)],
    '2.0',
  ),
);

test.each([0x00, 0x01, 0x10, 0x11])(
  'HeadlessMachine.reset() with memory overwrite request 0x%x does to memory what QEMU does',
  async (request) => {
    const choice = { family: 'q35' } as const;
    const lines = [
      'writel 0x1000 0x11223344',
      'writel 0x7fffffc 0x55667788',
      'writel 0xa0000 0x99',
      'writeq 0xfed45000 0x1122334455667788',
      `writeb 0xfed4515a 0x${request.toString(16)}`,
      'readl 0x1000',
    ];
    const after = [
      'readl 0x1000',
      'readl 0x7fffffc',
      'readl 0xa0000',
      'readq 0xfed45000',
      'readb 0xfed4515a',
    ];
    const outcome = async (command?: EmulatorCommand) => {
      const tpm = await startSwtpm(resources, '2.0');
      const driven = await startEmulator(resources, choice, tpm.controlPath, command);
      await driven.client.commands(lines);
      await (await driven.beginReset()).done;
      const exchanges = await driven.client.commands(after);
      return described(exchanges, after);
    };
    const [expected, actual] = [await outcome(), await outcome(systemCommand(choice))];
    expect(actual).toEqual(expected);
    expect(actual[0]).toContain((request & 1) === 1 ? '0x0000000000000000' : '11223344');
  },
);

test('HeadlessMachine serves a second qtest client after the first one has left, like QEMU', async () => {
  const choice = { family: 'q35' } as const;
  const session = async ([name, ...parameters]: EmulatorCommand) => {
    const path = join(await resources.directory(), 'qtest');
    await resources.start(name, [
      ...parameters,
      ...['-accel', 'tcg', '-S', '-display', 'none', '-nodefaults', '-machine', 'q35'],
      ...['-qtest', `unix:${path},server=on,wait=off`, '-qtest-log', '/dev/null'],
    ]);
    await until(() => existsSync(path), path);
    const transcript: string[] = [];
    for (const lines of [
      ['writeb 0x100 7', 'irq_intercept_in ioapic', 'set_irq_in ioapic unnamed-gpio-in 5 1'],
      [
        'readb 0x100',
        'set_irq_in ioapic unnamed-gpio-in 5 0',
        'set_irq_in ioapic unnamed-gpio-in 5 1',
      ],
    ]) {
      const client = new QtestClient(connect(path));
      transcript.push(...described(await client.commands(lines), lines));
      client.close();
    }
    return transcript;
  };
  expect(await session(systemCommand(choice))).toEqual(await session(['qemu-system-x86_64']));
});
