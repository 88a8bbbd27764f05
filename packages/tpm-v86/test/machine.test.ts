import { afterEach, describe, expect, it } from 'vitest';
import { Guest, type GuestOptions } from './support/guest.js';

const guests: Guest[] = [];

async function start(options: GuestOptions): Promise<Guest> {
  const guest = await Guest.start(options);
  guests.push(guest);
  return guest;
}

afterEach(async () => {
  for (const guest of guests.splice(0)) await guest.close();
});

const ESCAPE = 0x01;
const T = 0x14;
/** Second entry of the boot menu. */
const FLOPPY = 0x03;
const CLEAR = 0x126;

/** Physical presence operation 5, "clear", and its results (PPI Specification). */
const PPI_CLEAR = 5;
const SUCCESS = 0;
const USER_ABORT = 0xffff_fff0;

/** PCRs as text, to be compared. */
async function measured(guest: Guest): Promise<unknown> {
  const banks = await guest.pcrs();
  return [...banks].map(([algorithm, pcrs]) => [
    algorithm,
    [...pcrs].map(([index, value]) => `${index}: ${Buffer.from(value).toString('hex')}`),
  ]);
}

async function openMenu(guest: Guest): Promise<void> {
  await guest.see(/^Press ESC for boot menu/);
  guest.press(ESCAPE);
  await guest.see(/^t\. TPM Configuration/);
}

describe('a machine with a TPM', () => {
  it.each([
    ['embedded', 'tpm-tis', {}],
    ['embedded', 'tpm-crb', { eventLog: 'ram' }],
    ['embedded', 'tpm-tis', { tables: 'fw-cfg' }],
    ['swtpm', 'tpm-tis', {}],
    ['swtpm', 'tpm-crb', { tables: 'fw-cfg' }],
    ['swtpm 1.2', 'tpm-tis', {}],
  ] as const)(
    'measures the same at a reboot with TPM %s behind %s, %o',
    async (tpm, model, options) => {
      const guest = await start({ tpm, model, ...options });
      await guest.booted();
      const first = await measured(guest);
      const firstLog = guest.attachment.eventLog();
      guest.emulator.restart();
      await guest.booted(2);
      expect(await measured(guest)).toEqual(first);
      expect(guest.attachment.eventLog()).toEqual(firstLog);
      expect(await guest.compareLog()).toMatchObject({ agrees: true });
      expect(guest.errors).toEqual([]);
    },
  );

  it.each(['embedded', 'swtpm'] as const)(
    'carries out a physical presence request at a reboot with TPM %s',
    async (tpm) => {
      const asked: string[] = [];
      const confirm = ({ name }: { name: string }) => asked.push(name) > 0;
      const guest = await start({ tpm, confirm });
      await guest.booted();
      const ppi = guest.attachment.ppi!;
      ppi.setWord('pprq', PPI_CLEAR);
      guest.emulator.restart();
      await guest.booted(2);
      expect(asked).toEqual(['clear']);
      expect(ppi.word('pprq')).toBe(0);
      expect(ppi.word('lppr')).toBe(PPI_CLEAR);
      expect(ppi.word('pprp')).toBe(SUCCESS);
      // The executor's, not the firmware's: that doesn't clear a TPM.
      expect(guest.commands).not.toContain(CLEAR);
      expect(await guest.compareLog()).toMatchObject({ agrees: true });
      expect(guest.errors).toEqual([]);
    },
  );

  it('refuses a physical presence request when nobody is there', async () => {
    const guest = await start({});
    await guest.booted();
    const ppi = guest.attachment.ppi!;
    ppi.setWord('pprq', PPI_CLEAR);
    guest.emulator.restart();
    await guest.booted(2);
    expect(ppi.word('pprp')).toBe(USER_ABORT);
  });

  it('clears its memory at a reboot when the guest asked for it', async () => {
    const guest = await start({});
    await guest.booted();
    const address = 0x200_0000;
    guest.emulator.write_memory(Uint8Array.of(1, 2, 3, 4), address);
    guest.emulator.restart();
    await guest.booted(2);
    expect([...guest.emulator.read_memory(address, 4)]).toEqual([1, 2, 3, 4]);
    guest.attachment.ppi!.setByte('movv', 1);
    guest.emulator.restart();
    await guest.booted(3);
    expect([...guest.emulator.read_memory(address, 4)]).toEqual([0, 0, 0, 0]);
  });

  it.each([
    ['embedded', 'tpm-tis', {}],
    ['embedded', 'tpm-crb', { eventLog: 'ram' }],
    ['embedded', 'tpm-tis', { tables: 'fw-cfg' }],
    ['swtpm', 'tpm-tis', {}],
    ['swtpm', 'tpm-crb', { tables: 'fw-cfg' }],
    ['swtpm 1.2', 'tpm-tis', {}],
  ] as const)(
    'goes on in another machine with TPM %s behind %s, %o',
    async (tpm, model, options) => {
      const from = await start({ tpm, model, menu: true, ...options });
      await openMenu(from);
      from.attachment.ppi!.setWord('pprq', 77);
      const saved = await from.attachment.saveState();
      const pcrs = await measured(from);
      const log = from.attachment.eventLog();

      const to = await start({ tpm, model, menu: true, ...options, initialState: saved });
      expect(await measured(to)).toEqual(pcrs);
      expect(to.attachment.eventLog()).toEqual(log);
      expect(to.attachment.ppi!.word('pprq')).toBe(77);
      to.press(T);
      await to.see(tpm === 'swtpm 1.2' ? /p\. Prevent/ : /^reboot the machine/);
      expect(to.errors).toEqual([]);
      // The one that was saved goes on too.
      from.press(FLOPPY);
      await from.booted();
    },
  );

  it('goes back to a saved state', async () => {
    const guest = await start({ menu: true });
    await openMenu(guest);
    const saved = await guest.attachment.saveState();
    const pcrs = await measured(guest);
    guest.press(FLOPPY);
    await guest.booted();
    expect(await measured(guest)).not.toEqual(pcrs);
    await guest.emulator.restore_state(saved);
    await guest.attachment.settled();
    expect(await measured(guest)).toEqual(pcrs);
    guest.press(T);
    await guest.see(/^reboot the machine/);
  });

  it('refuses the save_state() of v86, and the state of another TPM', async () => {
    const guest = await start({});
    await guest.booted();
    await expect(guest.emulator.save_state()).rejects.toThrow(/use saveState\(\)/);
    const saved = await guest.attachment.saveState();
    const other = await start({ model: 'tpm-crb' });
    await expect(other.emulator.restore_state(saved)).rejects.toThrow(
      'TPM device: configured tpm-crb, saved tpm-tis',
    );
    await other.booted();
    expect(await other.compareLog()).toMatchObject({ agrees: true });
  });

  it('shows a dead TPM after detach(), and the back end serves another machine', async () => {
    const guest = await start({});
    await guest.booted();
    const isValid = () => (guest.attachment.frontEnd.mmio.read(0, 1) & 0x80) !== 0;
    expect(isValid()).toBe(true);
    await guest.attachment.detach();
    expect(isValid()).toBe(false);
    guest.backend.attach('another');
    guest.backend.detach();
  });
});
