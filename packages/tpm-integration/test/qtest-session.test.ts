import { afterEach, expect, test } from 'vitest';
import { type MachineChoice, startHeadless, startQemu } from './support/peers.js';
import { Resources } from './support/resources.js';

const resources = new Resources();
afterEach(() => resources.release());

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

async function compare(choice: MachineChoice, lines: readonly string[]): Promise<void> {
  const qemu = await startQemu(resources, choice);
  const ours = await startHeadless(resources, choice);
  const expected = await qemu.client.commands(lines);
  const actual = await ours.client.commands(lines);
  expect(actual.map((exchange, index) => [lines[index], exchange])).toEqual(
    expected.map((exchange, index) => [lines[index], exchange]),
  );
}

test.each(['pc', 'q35'] as const)(
  'QtestServer answers memory and port commands of %s like QEMU',
  (family) => compare({ family }, MEMORY_LINES),
);
