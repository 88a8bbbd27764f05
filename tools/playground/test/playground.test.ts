import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { BrowserContext, Page } from 'playwright';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BOOT_TIMEOUT, runInGuest, screenOf, waitForShell } from './support/guest-shell.ts';
import { type Observations, openObserved, REPORTS, ServedPage } from './support/served-page.ts';
import { identityOf } from './support/tpm-identity.ts';

/** What the same SeaBIOS measures under QEMU with swtpm. */
const QEMU_PCRS = new Map([
  [0, 'E21B703EE69C77476BCCB43EC0336A9A1B2914B378944F7B00A10214CA8FEA93'],
  [4, '1EB9AA21337CC1FA31CE5F56900D7BF59B9DDA366823095AED06544CAA2557CA'],
  [7, 'E21B703EE69C77476BCCB43EC0336A9A1B2914B378944F7B00A10214CA8FEA93'],
]);

const TERMINAL = 'Serial console of the guest; F6 leaves it';

const TPM_LINE = 'tpm_tis MSFT0101:00: 2.0 TPM (device-id 0x1, rev-id 1)';

/** TPM2_PCR_Extend of PCR 5 in the SHA-256 bank, as busybox's printf writes it. */
const EXTEND_PCR_5 = [
  ...[0x80, 0x02, 0, 0, 0, 65, 0, 0, 0x01, 0x82, 0, 0, 0, 5],
  ...[0, 0, 0, 9, 0x40, 0, 0, 9, 0, 0, 0, 0, 0],
  ...[0, 0, 0, 1, 0, 0x0b, ...Array<number>(32).fill(0x41)],
]
  .map((byte) => `\\x${byte.toString(16).padStart(2, '0')}`)
  .join('');

/** An entry of the browser's Layout Instability API. */
interface LayoutShift {
  readonly value: number;
  readonly hadRecentInput: boolean;
}

/** For what takes a moment, and longer on a busy machine. */
const PATIENT = { timeout: 30_000 };

let served: ServedPage;
beforeAll(async () => {
  served = await ServedPage.start();
}, BOOT_TIMEOUT);
afterAll(() => served?.stop());

/** Shows a tab of the inspector. */
async function openTab(page: Page, name: string): Promise<void> {
  await page.getByRole('tab', { name }).click();
}

/** PCRs of the bank that is shown, upper case, by number. */
async function shownPcrs(page: Page): Promise<string[]> {
  await openTab(page, 'PCRs');
  const cells = await page.locator('.pcrs td').allTextContents();
  return cells.map((text) => text.replaceAll(' ', '').toUpperCase());
}

/** Downloads the TPM's state. */
async function exportState(page: Page, name: string): Promise<{ path: string; identity: string }> {
  await openTab(page, 'State');
  const download = page.waitForEvent('download');
  await page.getByRole('button', { name: 'Export' }).click();
  const path = join(REPORTS, name);
  await (await download).saveAs(path);
  return { path, identity: await identityOf(await readFile(path)) };
}

/** Waits until another machine's firmware is at work. */
async function waitForRestart(page: Page): Promise<void> {
  const early = ['power-on', 'firmware', 'kernel'];
  await expect
    .poll(() => page.getAttribute('#phase', 'data-phase'), { timeout: 30_000 })
    .toBeOneOf(early);
  await page.getByRole('button', { name: 'Restart guest' }).and(page.locator(':enabled')).waitFor();
}

describe('playground in Chromium', () => {
  let context: BrowserContext;
  let page: Page;
  let seen: Observations;

  beforeAll(async () => {
    context = await served.browser.newContext({
      viewport: { width: 1280, height: 800 },
      colorScheme: 'light',
    });
    await context.addInitScript(() => {
      const shifts: number[] = [];
      Object.assign(window, { shifts });
      new PerformanceObserver((list) => {
        for (const entry of list.getEntries()) {
          const { value, hadRecentInput } = entry as unknown as LayoutShift;
          if (!hadRecentInput) shifts.push(value);
        }
      }).observe({ type: 'layout-shift', buffered: true });
    });
    ({ page, seen } = await openObserved(context, served.url));
    await waitForShell(page);
  }, BOOT_TIMEOUT);
  afterAll(() => context?.close());

  it('the guest reaches its shell, finds the TPM and confirms what the page shows', async () => {
    await expect.poll(() => page.locator('.check.passed').count(), PATIENT).toBe(6);
    expect(await runInGuest(page, 'dmesg | grep tpm_tis')).toEqual([
      expect.stringContaining(TPM_LINE),
    ]);
    await page.screenshot({ path: join(REPORTS, 'playground-light.png') });
  });

  it('nothing on the page moved while it loaded and booted', async () => {
    const shifts = await page.evaluate(() => (window as unknown as { shifts: number[] }).shifts);
    expect(shifts.reduce((sum, value) => sum + value, 0)).toBeLessThan(0.02);
  });

  it('the PCR table is what the guest reads, and PCR 0, 4 and 7 are those of QEMU', async () => {
    const command = 'cd /sys/class/tpm/tpm0/pcr-sha256 && grep . $(seq 0 23)';
    const guest = (await runInGuest(page, command)).map((line) => line.replace(/^\d+:/, ''));
    expect(guest).toHaveLength(24);
    expect(await shownPcrs(page)).toEqual(guest);
    for (const [pcr, value] of QEMU_PCRS) expect(guest[pcr]).toBe(value);
    await page.screenshot({ path: join(REPORTS, 'playground-pcrs.png') });
  });

  it('the replay of the event log gives the PCRs', async () => {
    await openTab(page, 'Event log');
    await page.locator('.verdict[data-state=agrees]').waitFor();
    expect(await page.locator('.events > li').count()).toBeGreaterThan(10);
    await page.locator('.events summary').nth(5).click();
    await page.screenshot({ path: join(REPORTS, 'playground-log.png') });
  });

  it('the command stream shows names, codes and bytes', async () => {
    await openTab(page, 'Commands');
    await page.getByRole('searchbox').fill('startup');
    const row = page.locator('.exchanges > li');
    expect(await row.allInnerTexts()).toEqual([
      expect.stringMatching(/TPM2_Startup[\s\S]*SUCCESS/),
    ]);
    await row.locator('summary').click();
    expect(await row.locator('.hex').first().textContent()).toContain(
      '80 01 00 00 00 0c 00 00 01 44 00 00',
    );
    await page.getByRole('searchbox').fill('');
  });

  it('the registers are shown as named fields', async () => {
    await openTab(page, 'Registers');
    const register = page.locator('.register', { hasText: 'TPM_DID_VID' });
    expect(await register.locator('.value').textContent()).toBe('0x0001_1014');
    expect(await register.locator('.fields > li').allTextContents()).toEqual([
      'vendor0x1014',
      'device0x1',
    ]);
    // What the driver made of device and revision is in the line that it printed.
    const revision = page.locator('.register', { hasText: 'TPM_RID' }).locator('.fields > li');
    expect(await revision.allTextContents()).toEqual(['revision0x1']);
    await page.screenshot({ path: join(REPORTS, 'playground-registers.png') });
  });

  it('the keyboard reaches everything, and F6 leaves the terminal', async () => {
    await openTab(page, 'Registers');
    const focused = () =>
      page.evaluate(() => {
        const { id, className, ariaLabel } = document.activeElement as HTMLElement;
        return [id, ariaLabel, className].find((text) => text) ?? '';
      });
    await page.locator('body').evaluate((body) => {
      body.tabIndex = -1;
      body.focus();
      body.removeAttribute('tabindex');
    });
    const order: string[] = [];
    for (let step = 0; step < 6; step++) {
      await page.keyboard.press('Tab');
      order.push(await focused());
    }
    expect(order).toEqual(['skip', 'Interface TIS', 'pause', 'restart', 'theme', TERMINAL]);
    await page.keyboard.press('F6');
    expect(await focused()).toBe('inspector');
    await page.keyboard.press('Tab');
    expect(await focused()).toBe('tab-registers');
    await page.keyboard.press('ArrowRight');
    expect(await focused()).toBe('tab-state');
    await page.keyboard.press('Home');
    expect(await page.locator('#panel-commands').isVisible()).toBe(true);
    await page.keyboard.press('F6');
    expect(await focused()).toBe(TERMINAL);
    await page.keyboard.press('Shift+F6');
    expect(await focused()).toBe('restart');
  });

  it('a PCR that is extended without a log entry lights up, and the log check says which', async () => {
    await openTab(page, 'PCRs');
    await runInGuest(page, `printf '${EXTEND_PCR_5}' > /dev/tpm0`);
    await page.locator('.pcrs tr.flash', { hasText: 'Boot loader configuration' }).waitFor();
    await openTab(page, 'Event log');
    await page.locator('.verdict[data-state=differs]', { hasText: 'PCR 5 (SHA-256)' }).waitFor();
  });

  it('Pause stops the guest, Resume lets it go on', async () => {
    await page.getByRole('button', { name: 'Pause' }).click();
    await page.getByRole('button', { name: 'Resume' }).waitFor();
    await expect.poll(() => page.textContent('#path-guest'), PATIENT).toBe('paused');
    await page.focus('.xterm-helper-textarea');
    await page.keyboard.type('clear; echo wo""ken\n');
    await page.getByRole('button', { name: 'Resume' }).click();
    await expect.poll(() => screenOf(page), PATIENT).toMatch(/^woken$/m);
  });

  it('the page looks the same in its parts in the dark and on a phone', async () => {
    await openTab(page, 'Commands');
    await page.emulateMedia({ colorScheme: 'dark' });
    await page.screenshot({ path: join(REPORTS, 'playground-dark.png') });
    await page.setViewportSize({ width: 390, height: 844 });
    await expect
      .poll(() => page.evaluate(() => document.documentElement.scrollWidth), PATIENT)
      .toBe(390);
    await page.screenshot({ path: join(REPORTS, 'playground-phone.png'), fullPage: true });
    await page.setViewportSize({ width: 1280, height: 800 });
    await page.emulateMedia({ colorScheme: 'light' });
  });

  it('export, reset and import keep, replace and bring back the TPM', async () => {
    const first = await exportState(page, 'first.state');
    const garbage = join(REPORTS, 'garbage.state');
    await writeFile(garbage, 'not a TPM');
    await page.setInputFiles('#import-file', garbage);
    await page.locator('.result.bad', { hasText: 'garbage.state' }).waitFor();

    await page.getByRole('button', { name: 'Reset TPM…' }).click();
    await page.keyboard.press('Escape');
    expect((await exportState(page, 'second.state')).identity).toBe(first.identity);

    await page.getByRole('button', { name: 'Reset TPM…' }).click();
    await page.screenshot({ path: join(REPORTS, 'playground-dialog.png') });
    await page.getByRole('button', { name: 'Reset the TPM' }).click();
    await page.locator('.result', { hasText: 'The TPM is new' }).waitFor();
    await waitForRestart(page);
    expect((await exportState(page, 'third.state')).identity).not.toBe(first.identity);

    await page.setInputFiles('#import-file', first.path);
    await page.getByRole('button', { name: 'Replace the TPM' }).click();
    await page.locator('.result', { hasText: 'Imported “first.state”' }).waitFor();
    await waitForRestart(page);
    expect((await exportState(page, 'fourth.state')).identity).toBe(first.identity);
  });

  it('a second page uses a TPM in memory and says so', async () => {
    const second = await openObserved(context, served.url);
    await second.page.getByRole('alert').filter({ hasText: 'another tab' }).waitFor();
    await expect.poll(() => second.page.textContent('#path-store-name'), PATIENT).toBe('Memory');
    expect(second.seen.complaints).toEqual([]);
    await second.page.close();
  });

  it(
    'with CRB the guest finds the TPM too',
    async () => {
      await page.getByRole('radio', { name: 'CRB' }).check({ force: true });
      await waitForRestart(page);
      await waitForShell(page);
      await expect.poll(() => page.locator('.check.passed').count(), PATIENT).toBe(6);
      await openTab(page, 'Registers');
      await page.locator('.register', { hasText: 'TPM_CRB_CTRL_START' }).waitFor();
      await page.screenshot({ path: join(REPORTS, 'playground-crb.png') });
    },
    BOOT_TIMEOUT,
  );

  it(
    'a reboot in the guest makes another machine, with what the guest requested done on permission',
    async () => {
      const before = await exportState(page, 'before-clear.state');
      await page.focus('.xterm-helper-textarea');
      await page.keyboard.type('echo 5 > /sys/class/tpm/tpm0/ppi/request && reboot\n');
      await page.locator('dialog', { hasText: 'operation 5' }).waitFor();
      await page.screenshot({ path: join(REPORTS, 'playground-presence.png') });
      await page.getByRole('button', { name: 'Allow it' }).click();
      await waitForRestart(page);
      await waitForShell(page);
      expect(await runInGuest(page, 'cat /sys/class/tpm/tpm0/ppi/response')).toEqual([
        '5 0: Success',
      ]);
      // TPM2_Clear makes another storage seed, from which the key comes.
      expect((await exportState(page, 'cleared.state')).identity).not.toBe(before.identity);
    },
    BOOT_TIMEOUT,
  );

  it('after a reload the TPM is the same', async () => {
    const before = await exportState(page, 'before-reload.state');
    await page.reload();
    await waitForRestart(page);
    expect((await exportState(page, 'after-reload.state')).identity).toBe(before.identity);
    expect(await page.textContent('#path-store-name')).toBe('IndexedDB');
  });

  it('nothing was asked of another origin, nothing was complained about', async () => {
    expect(seen.requestCount).toBeGreaterThan(8);
    expect(seen.foreignRequests).toEqual([]);
    expect(seen.complaints).toEqual([]);
  });
});

describe('playground where something is missing', () => {
  async function openWith(prepare: (context: BrowserContext) => Promise<unknown>): Promise<Page> {
    const context = await served.browser.newContext();
    await prepare(context);
    return (await openObserved(context, served.url)).page;
  }

  it('a browser without WebAssembly is told so', async () => {
    const page = await openWith((context) =>
      context.addInitScript(() => Reflect.deleteProperty(window, 'WebAssembly')),
    );
    await page.getByRole('alert').filter({ hasText: 'no WebAssembly' }).waitFor();
    await page.context().close();
  });

  it('a browser without IndexedDB gets a TPM in memory', async () => {
    const page = await openWith((context) =>
      context.addInitScript(() => {
        Object.defineProperty(window, 'indexedDB', { value: undefined });
      }),
    );
    await page.getByRole('alert').filter({ hasText: 'there is no IndexedDB here' }).waitFor();
    await page.context().close();
  });

  it('a file that can’t be loaded is named, and trying again works', async () => {
    let isBroken = true;
    const page = await openWith((context) =>
      context.route('**/guest/kernel', (route) => (isBroken ? route.abort() : route.continue())),
    );
    await page.getByRole('alert').filter({ hasText: 'Loading guest/kernel failed' }).waitFor();
    await page.screenshot({ path: join(REPORTS, 'playground-failure.png') });
    isBroken = false;
    await page.getByRole('button', { name: 'Try again' }).click();
    await waitForRestart(page);
    await page.context().close();
  });
});
