import { SUCCESS_RESPONSE } from '@tpmdev/testing/scripted-backend';
import { describe, expect, it } from 'vitest';
import { Rig, SHORT_COMMAND } from '../test/rig.js';
import { DATA_FIFO, STS } from './registers.js';

async function receiving(bufferSize = 4096): Promise<Rig> {
  const rig = await Rig.started({ bufferSize });
  rig.request(0);
  rig.ready(0);
  return rig;
}

describe('writeData', () => {
  it.each([
    ['00000000', 0x040f_fa80],
    ['00000006', 0x040f_fa80],
    ['00000007', 0x040f_fa88],
    ['7fff0000', 0x040f_fa80],
    ['ffff1001', 0x040f_fa88],
  ])(
    'writeData() compares the low half of the length %s after six bytes',
    async (length, status) => {
      const rig = await receiving();
      rig.feed(0, `8001${length.slice(0, 6)}`);
      expect(rig.status(0)).toBe(0x040f_fb88);
      rig.feed(0, length.slice(6));
      expect(rig.status(0)).toBe(status);
    },
  );

  it('writeData() drops bytes after the end of the command', async () => {
    const rig = await receiving();
    rig.feed(0, `${SHORT_COMMAND}aabbcc`);
    expect(rig.status(0)).toBe(0x040f_f680);
    rig.go(0);
    await rig.device.settled();
    expect(rig.backend.exchanges[0]?.command).toBe(SHORT_COMMAND);
  });

  it('writeData() completes a command that fills the buffer exactly', async () => {
    const rig = await receiving(64);
    rig.feed(0, `800100000040${'5a'.repeat(58)}`);
    expect(rig.status(0)).toBe(0x0400_0080);
  });

  it('writeData() drops Expect with the first byte that does not fit, and sends the full buffer', async () => {
    const rig = await receiving(64);
    const command = `800100000050${'5a'.repeat(58)}`;
    rig.feed(0, command);
    expect(rig.status(0)).toBe(0x0400_0088);
    rig.write(0, DATA_FIFO.offset, 0xbeef, 2);
    expect(rig.status(0)).toBe(0x0400_0080);
    rig.go(0);
    await rig.device.settled();
    expect(rig.backend.exchanges[0]?.command).toBe(command);
  });

  it('writeData() stores what fits of an access that crosses the end of the buffer', async () => {
    const rig = await receiving(64);
    rig.feed(0, `800100000050${'5a'.repeat(56)}`);
    rig.write(0, DATA_FIFO.offset, 0x4433_2211, 4);
    expect(rig.status(0)).toBe(0x0400_0080);
    rig.go(0);
    await rig.device.settled();
    expect(rig.backend.exchanges[0]?.command).toBe(`800100000050${'5a'.repeat(56)}1122`);
  });

  it('writeData() drops bytes in Idle, Execution and Completion', async () => {
    const rig = await Rig.started();
    rig.request(0);
    rig.feed(0, '8001');
    expect(rig.status(0)).toBe(0x0410_0000);
    rig.backend.hold();
    rig.send(0);
    rig.feed(0, '8001');
    expect(rig.status(0)).toBe(0x040f_f480);
    rig.backend.release();
    await rig.device.settled();
    rig.feed(0, '8001');
    expect(rig.status(0)).toBe(0x0400_0a90);
  });
});

describe('readData', () => {
  it('readData() gives 0xff before, without and after a response', async () => {
    const rig = await Rig.started();
    expect(rig.drain(0, 1)).toBe('ff');
    rig.request(0);
    rig.backend.hold();
    rig.send(0);
    expect(rig.drain(0, 1)).toBe('ff');
    rig.backend.release();
    await rig.device.settled();
    expect(rig.drain(1, 1)).toBe('ff');
    expect(rig.drain(0, 12)).toBe(`${SUCCESS_RESPONSE}ffff`);
    expect(rig.status(0)).toBe(0x040f_f680);
  });

  it('readData() ends at the buffer when another locality filled it up', async () => {
    const rig = await Rig.started({ bufferSize: 64 });
    rig.request(0);
    rig.send(0);
    await rig.device.settled();
    rig.seize(1);
    rig.ready(1);
    rig.feed(1, `800100000040${'5a'.repeat(58)}`);
    rig.release(1);
    rig.request(0);
    expect(rig.status(0)).toBe(0x0400_0090);
    expect(rig.drain(0, 1)).toBe('ff');
    expect(rig.status(0) & 0xff).toBe(STS.stsValid);
  });

  it('readData() limits a response to the length in its header as another locality left it', async () => {
    const rig = await Rig.started();
    rig.request(0);
    rig.send(0);
    await rig.device.settled();
    rig.seize(1);
    rig.ready(1);
    rig.feed(1, '80010000000c');
    rig.release(1);
    rig.request(0);
    expect(rig.status(0)).toBe(0x0400_0690);
    // Four bytes of the response, then two of the command before it.
    expect(rig.drain(0, 7)).toBe('000000000000ff');
  });
});
