import { afterEach, describe, expect, it } from 'vitest';
import { Guest, type GuestOptions } from './support/guest.js';

let guest: Guest | undefined;

async function start(options: GuestOptions): Promise<Guest> {
  guest = await Guest.start(options);
  return guest;
}

afterEach(async () => {
  await guest?.close();
  guest = undefined;
});

const ESCAPE = 0x01;
const T = 0x14;

/** What SeaBIOS 1.16.2 measures into PCR 0 and 7, under QEMU with swtpm too. */
const SEABIOS_PCR = 'E21B703EE69C77476BCCB43EC0336A9A1B2914B378944F7B00A10214CA8FEA93';

/** Command codes in the order in which SeaBIOS sends them, each one once. */
const SEABIOS_COMMANDS = [0x144, 0x143, 0x17a, 0x182, 0x146, 0x17b, 0x129];

const ARRANGEMENTS: readonly (readonly [string, GuestOptions])[] = [
  ['overlay tables and a log in the block', { tables: 'overlay', eventLog: 'mmio' }],
  ['overlay tables and a log in memory', { tables: 'overlay', eventLog: 'ram' }],
  ['our own fw_cfg', { tables: 'fw-cfg' }],
];

const MATRIX = (['embedded', 'swtpm'] as const).flatMap((tpm) =>
  (['tpm-tis', 'tpm-crb'] as const).flatMap((model) =>
    ARRANGEMENTS.map(([name, options]) => [tpm, model, name, options] as const),
  ),
);

describe('attachTpm() with SeaBIOS', () => {
  it.each(MATRIX)(
    'attachTpm() lets SeaBIOS measure into TPM %s behind %s, with %s',
    async (tpm, model, _name, options) => {
      const { attachment, commands, errors, ...machine } = await start({ tpm, model, ...options });
      expect(machine.backend.tpmVersion).toBe('2.0');
      await guest!.booted();
      expect([...new Set(commands)]).toEqual(SEABIOS_COMMANDS);
      expect(await guest!.pcr(0)).toBe(SEABIOS_PCR);
      expect(await guest!.pcr(7)).toBe(SEABIOS_PCR);
      const { agrees, comparedBanks, uncomparedBanks, events } = await guest!.compareLog();
      expect({ agrees, uncomparedBanks }).toEqual({ agrees: true, uncomparedBanks: [] });
      expect(comparedBanks).toContain(0x000b);
      expect(events).toBeGreaterThan(10);
      expect(attachment.frontEnd.model).toBe(model);
      expect(errors).toEqual([]);
    },
  );

  it.each([['overlay'], ['fw-cfg']] as const)(
    'attachTpm() lets SeaBIOS use a TPM 1.2, with tables %s',
    async (tables) => {
      const { errors } = await start({ tpm: 'swtpm 1.2', tables });
      await guest!.booted();
      const { agrees, comparedBanks, events } = await guest!.compareLog();
      expect({ agrees, comparedBanks }).toEqual({ agrees: true, comparedBanks: [0x0004] });
      expect(events).toBeGreaterThan(10);
      expect(errors).toEqual([]);
    },
  );

  it.each([
    ['tpm-tis', {}],
    ['tpm-crb', {}],
    ['tpm-tis', { tables: 'fw-cfg' }],
  ] as const)("SeaBIOS's boot menu leads to a TPM 2.0 behind %s, %o", async (model, options) => {
    await start({ model, menu: true, ...options });
    await guest!.see(/^Press ESC for boot menu/);
    guest!.press(ESCAPE);
    await guest!.see(/^t\. TPM Configuration/);
    guest!.press(T);
    await guest!.see(/^reboot the machine/);
    const lines = guest!.screen;
    expect(lines.slice(lines.indexOf('1. Clear TPM'))).toEqual([
      '1. Clear TPM',
      '2. Change active PCR banks',
      'If no change is desired or if this menu was reached by mistake, press ESC to',
      'reboot the machine.',
    ]);
  });

  it("SeaBIOS's boot menu leads to a TPM 1.2", async () => {
    await start({ tpm: 'swtpm 1.2', menu: true });
    await guest!.see(/^Press ESC for boot menu/);
    guest!.press(ESCAPE);
    await guest!.see(/^t\. TPM Configuration/);
    guest!.press(T);
    await guest!.see(/^ p\. Prevent installation of an owner/);
    expect(guest!.screen).toEqual(
      expect.arrayContaining([
        'The current state of the TPM is:',
        '  Enabled and active',
        '  Ownership has not been taken',
        ' d. Disable the TPM',
        ' v. Deactivate the TPM',
      ]),
    );
  });
});
