import { beforeAll, describe, expect, it } from 'vitest';
import { compareEventLog, EVENT_TYPE, readEventLog, readPcrs } from '../src/event-log.js';
import { HASHES } from './event-log-hashes.js';
import { BootedPc } from './seabios.js';
import { requireProgram } from './swtpm.js';

beforeAll(() => {
  requireProgram('swtpm', 'swtpm');
  requireProgram('qemu-system-x86_64', 'qemu-system-x86');
});

describe('compareEventLog', () => {
  it.each([
    ['2.0', 'crypto-agile', [0x04, 0x0b, 0x0c, 0x0d]],
    ['1.2', 'sha1', [0x04]],
  ] as const)(
    'compareEventLog() agrees with the TPM %s of a PC that SeaBIOS booted',
    async (tpmVersion, format, banks) => {
      const pc = await BootedPc.boot(tpmVersion);
      const log = readEventLog(await pc.logArea());
      const pcrs = await readPcrs((command) => pc.execute(command), tpmVersion, [...HASHES.keys()]);
      expect(log.format).toBe(format);
      expect([...pcrs.keys()]).toEqual(banks);
      const isEveryDataMeasured = () => true;
      expect(
        await compareEventLog(log, pcrs, HASHES, { isDataMeasured: isEveryDataMeasured }),
      ).toEqual({
        agrees: true,
        comparedBanks: banks,
        uncomparedBanks: [],
        pcr: undefined,
        event: undefined,
      });

      const altered = log.events.find(({ type }) => type === EVENT_TYPE.ACTION)!;
      for (const digest of altered.digests.values()) digest[3]! ^= 0x10;
      const comparison = await compareEventLog(log, pcrs, HASHES);
      expect(comparison).toMatchObject({
        agrees: false,
        pcr: { algorithm: banks[0], pcr: altered.pcr },
        event: { algorithm: banks[0], reason: 'digest-not-of-data' },
      });
      expect(comparison.event?.event).toBe(altered);
    },
  );
});
