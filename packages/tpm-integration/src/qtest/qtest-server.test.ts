import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MemoryStream } from '../../test/support/memory-stream.js';
import { describeMachine } from '../../test/support/peers.js';
import { ScriptedBackend } from '../../test/support/scripted-backend.js';
import { HeadlessMachine } from '../machine/machine.js';
import { QtestServer } from './qtest-server.js';

const TIS = 0xfed4_0000;

async function session(memory = 16) {
  const backend = new ScriptedBackend();
  const machine = new HeadlessMachine(describeMachine({ family: 'q35', memory }, true), {
    backend,
  });
  await machine.reset();
  const stream = new MemoryStream();
  const log: string[] = [];
  const server = new QtestServer(machine, stream, { log: (line) => log.push(line) });
  const ask = (text: string) => {
    stream.feed(text);
    return stream.received();
  };
  return { backend, machine, stream, log, server, ask };
}

const hex = (offset: number) => `0x${(TIS + offset).toString(16)}`;

describe('QtestServer answers', () => {
  test.each([
    ['foo', "FAIL Unknown command 'foo'"],
    ['', "FAIL Unknown command ''"],
    [' readb 0', "FAIL Unknown command ''"],
    ['READB 0', "FAIL Unknown command 'READB'"],
    ['readb\t0', "FAIL Unknown command 'readb\t0'"],
    ['readb', 'FAIL readb: expects at least 1 arguments, got 0'],
    ['writeb 1', 'FAIL writeb: expects at least 2 arguments, got 1'],
    ['readb  1', "FAIL readb: '' is not a 64-bit number"],
    ['readb 0x', "FAIL readb: '0x' is not a 64-bit number"],
    ['readb 0x100\r', "FAIL readb: '0x100\r' is not a 64-bit number"],
    ['writeb 0 zz', "FAIL writeb: 'zz' is not a 64-bit number"],
    ['readb 0x10000000000000000', "FAIL readb: '0x10000000000000000' is not a 64-bit number"],
    ['inb 0x10000', "FAIL inb: '0x10000' is not between 0 and 65535"],
    ['inb -1', "FAIL inb: '-1' is not between 0 and 65535"],
    ['outl 0x10000 1', "FAIL outl: '0x10000' is not between 0 and 65535"],
    ['outb 0x80', 'FAIL outb: expects at least 2 arguments, got 1'],
    ['outb 0x80 x', "FAIL outb: 'x' is not a 64-bit number"],
    ['read 0', 'FAIL read: expects at least 2 arguments, got 1'],
    ['read 0 0', 'FAIL read: the size must not be 0'],
    ['read 0 0x1000001', "FAIL read: '0x1000001' is not between 0 and 16777216"],
    ['read 0 -1', "FAIL read: '-1' is not between 0 and 16777216"],
    ['b64read 0 zz', "FAIL b64read: 'zz' is not a 64-bit number"],
    ['write 0 2', 'FAIL write: expects at least 3 arguments, got 2'],
    ['write 0 2 0x', 'ERR invalid argument size'],
    ['write 0 0x1000001 0x00', "FAIL write: '0x1000001' is not between 0 and 16777216"],
    ['b64write 0 4', 'FAIL b64write: expects at least 3 arguments, got 2'],
    ['memset 0 4', 'FAIL memset: expects at least 3 arguments, got 2'],
    [
      'memset 0 0xffffffffffffffff 1',
      "FAIL memset: '0xffffffffffffffff' is not between 0 and 9007199254740991",
    ],
    ['module_load a', 'FAIL module_load: expects at least 2 arguments, got 1'],
    ['module_load a b', 'FAIL'],
    ['irq_intercept_in', 'FAIL irq_intercept_in: expects at least 1 arguments, got 0'],
    ['irq_intercept_in nope', 'FAIL Unknown device'],
    ['set_irq_in ioapic', 'FAIL set_irq_in: expects at least 4 arguments, got 1'],
    ['set_irq_in ioapic unnamed-gpio-in 24 1', "FAIL set_irq_in: '24' is not between 0 and 23"],
    ['set_irq_in ioapic unnamed-gpio-in -1 1', "FAIL set_irq_in: '-1' is not between 0 and 23"],
    [
      'set_irq_in ioapic x 5 1',
      'FAIL set_irq_in: /machine/q35/ioapic has no such inputs; use unnamed-gpio-in',
    ],
    [
      'set_irq_in peripheral-anon/device[0] unnamed-gpio-in 5 1',
      'FAIL set_irq_in: /machine/peripheral-anon/device[0] has no such inputs; use unnamed-gpio-in',
    ],
    ['endianness', 'OK little'],
    ['clock_step', 'OK 0'],
    ['clock_step 100', 'OK 100'],
    ['clock_set 1000', 'OK 1000'],
    ['clock_step -1', 'FAIL clock_step: the time would pass 2^63 - 1 nanoseconds'],
    ['clock_set x', "FAIL clock_set: 'x' is not a 64-bit number"],
    ['readl 0xfed40f00', 'OK 0x0000000000011014'],
    ['inw 0xffff', 'OK 0x00ff'],
    ['inl 0', 'OK 0xffffffff'],
  ])('%j with %j', async (line, answer) => {
    const { ask } = await session();
    expect(await ask(`${line}\n`)).toBe(`${answer}\n`);
  });
});

test('QtestServer keeps virtual time from going back', async () => {
  const { ask } = await session();
  expect(await ask('clock_set 500\nclock_set 100\nclock_step 20\nclock_step\n')).toBe(
    'OK 500\nOK 500\nOK 520\nOK 520\n',
  );
});

test('QtestServer reports an interrupt ahead of the answer to the access that causes it', async () => {
  const { ask } = await session();
  expect(
    await ask(
      [
        'irq_intercept_in ioapic',
        `writeb ${hex(0)} 2`,
        `writel ${hex(8)} 0x8000009f`,
        `writeb ${hex(0x18)} 0x40`,
        `writeb ${hex(0x10)} 0x80`,
        '',
      ].join('\n'),
    ),
  ).toBe('OK\nOK\nOK\nIRQ raise 5\nOK\nIRQ lower 5\nOK\n');
});

test('QtestServer reports the interrupt of an answer when it comes, without being asked', async () => {
  const { ask, backend, stream } = await session();
  backend.held = true;
  await ask(`irq_intercept_in ioapic\nwriteb ${hex(0)} 2\nwriteb ${hex(0x18)} 0x40\n`);
  await ask(`writel ${hex(8)} 0x80000001\nwriteb ${hex(0x18)} 0x40\n`);
  expect(await ask(`write ${hex(0x24)} 4 0x80010000\nwrite ${hex(0x24)} 4 0x000a0000\n`)).toBe(
    'OK\nOK\n',
  );
  expect(await ask(`write ${hex(0x24)} 2 0x0144\nwriteb ${hex(0x18)} 0x20\n`)).toBe('OK\nOK\n');
  backend.proceed();
  expect(await stream.received()).toBe('IRQ raise 5\n');
});

test('QtestServer does not wait for a TPM command, and waits for a reset', async () => {
  const { ask, backend, machine, stream } = await session();
  backend.held = true;
  const reset = machine.reset();
  expect(await ask('endianness\n')).toBe('');
  expect(await ask('readb 0\n')).toBe('');
  backend.proceed();
  await reset;
  expect(await stream.received()).toBe('OK little\nOK 0x0000000000000000\n');
});

test('QtestServer answers a write that clears the established flag when it is cleared', async () => {
  const { ask, backend, stream } = await session();
  await ask(`writeb ${hex(0x3000)} 2\n`);
  backend.held = true;
  expect(await ask(`writeb ${hex(0x301b)} 2\nreadb ${hex(0)}\n`)).toBe('');
  expect(backend.calls).toContain('resetEstablished 3');
  backend.proceed();
  expect(await stream.received()).toBe('OK\nOK 0x0000000000000081\n');
});

test('QtestServer sends the answers to what came in one piece in one piece', async () => {
  const { ask, stream } = await session();
  await ask('readb 0\n'.repeat(1000));
  expect(stream.writes).toBe(1);
});

test('QtestServer serves nothing more while the peer does not read', async () => {
  const { stream, machine } = await session();
  stream.reading = false;
  stream.feed('read 0 0x100000\n'.repeat(50));
  stream.feed('writeb 0x100 7\n');
  const first = await stream.received();
  expect(first.length).toBeLessThan(3 * 0x20_0000);
  expect(machine.memory.read(0x100, 1)).toEqual(Uint8Array.of(0));
  for (let turn = 0; turn < 100; turn++) {
    stream.reading = true;
    await stream.received();
  }
  expect(machine.memory.read(0x100, 1)).toEqual(Uint8Array.of(7));
});

test('QtestServer refuses a line without end and goes on with the next one', async () => {
  const { stream, ask } = await session();
  const piece = Buffer.alloc(0x80_0000, 'x');
  for (let index = 0; index < 6; index++) {
    stream.feed(piece);
    expect(await stream.received()).toBe('');
  }
  expect(await ask('\nendianness\n')).toBe(
    `FAIL Line is longer than ${2 * 0x100_0000 + 0x1000} bytes\nOK little\n`,
  );
});

test('QtestServer.closed resolves when the peer leaves, and the next one finds the machine', async () => {
  const { stream, server, machine, ask, log } = await session();
  await ask('writeb 0x100 7\nirq_intercept_in ioapic\nread');
  stream.push(null);
  await server.closed;
  machine.pins.set(5, 1);
  const next = new MemoryStream();
  const second = new QtestServer(machine, next);
  next.feed(
    'readb 0x100\nset_irq_in ioapic unnamed-gpio-in 5 0\nset_irq_in ioapic unnamed-gpio-in 5 1\n',
  );
  expect(await next.received()).toBe('OK 0x0000000000000007\nOK\nIRQ raise 5\nOK\n');
  next.destroy(new Error('connection reset'));
  await second.closed;
  expect(log.map((line) => line.replace(/\d+\.\d{6}/, 'T'))).toEqual([
    '[I T] OPENED',
    '[R +T] writeb 0x100 7',
    '[S +T] OK',
    '[R +T] irq_intercept_in ioapic',
    '[S +T] OK',
    '[I +T] CLOSED',
  ]);
});

test('QtestServer gives the same answers however the lines are cut', async () => {
  const lines = [
    'writeq 0x100 0x1122334455667788',
    'read 0x100 8',
    'nonsense',
    `readl ${hex(0x18)}`,
    'b64read 0x100 3',
    'readb zz',
  ];
  const text = Buffer.from(lines.map((line) => `${line}\n`).join(''));
  const { ask } = await session();
  const whole = await ask(text.toString());
  await fc.assert(
    fc.asyncProperty(fc.array(fc.nat(text.length), { maxLength: 12 }), async (cuts) => {
      const { stream } = await session();
      const points = [0, ...cuts.toSorted((left, right) => left - right), text.length];
      for (let index = 1; index < points.length; index++) {
        const piece = text.subarray(points[index - 1], points[index]);
        if (piece.length > 0) stream.feed(piece);
        if (index % 3 === 0) await new Promise((resolve) => setImmediate(resolve));
      }
      expect(await stream.received()).toBe(whole);
    }),
    { numRuns: 50 },
  );
});

test('QtestServer answers each line of random bytes with one line and goes on', async () => {
  const word = fc.constantFrom(
    ...['readb', 'writeq', 'read', 'write', 'memset', 'b64write', 'b64read', 'inl', 'outw'],
    ...['set_irq_in', 'irq_intercept_in', 'clock_step', 'clock_set', 'ioapic', 'unnamed-gpio-in'],
    ...['0', '-1', '0xfed40018', '0xfed44fff', '5', '0x7fffffff', '0x10000', '0xffffffffffffffff'],
    ...['0x80', '', '\t', '\r', '\0', 'AQID', '0x20', '18446744073709551616'],
  );
  const noise = fc
    .uint8Array({ maxLength: 30 })
    .map((bytes) => Buffer.from(bytes).toString('latin1'));
  const line = fc
    .array(fc.oneof({ weight: 6, arbitrary: word }, { weight: 1, arbitrary: noise }), {
      maxLength: 6,
    })
    .map((words) => words.join(' ').replaceAll('\n', ' '));
  await fc.assert(
    fc.asyncProperty(fc.array(line, { maxLength: 40 }), async (lines) => {
      const { ask } = await session();
      const output = await ask(`${lines.join('\n')}\nendianness\n`);
      const answers = output.split('\n').filter((answer) => !answer.startsWith('IRQ '));
      expect(answers).toHaveLength(Math.max(lines.length, 1) + 2);
      expect(answers.at(-2)).toBe('OK little');
      for (const answer of answers.slice(0, -1)) expect(answer).toMatch(/^(OK|FAIL|ERR)( |$)/);
    }),
    { numRuns: 200 },
  );
});
