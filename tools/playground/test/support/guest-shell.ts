import type { Page } from 'playwright';
import { expect } from 'vitest';

/** Longest time that a boot takes on a busy machine, in milliseconds. */
export const BOOT_TIMEOUT = 240_000;
const ANSWER_TIMEOUT = 30_000;

/** Waits for the guest's shell. @throws Error when the page says that something failed */
export async function waitForShell(page: Page): Promise<void> {
  const phase = page.locator('#phase:is([data-phase=shell], [data-phase=failed])');
  await phase.waitFor({ timeout: BOOT_TIMEOUT });
  expect(await page.textContent('#phase')).toBe('The guest’s shell is ready');
}

/** What the terminal shows now. */
export async function screenOf(page: Page): Promise<string> {
  const rows = page.locator('.xterm-accessibility-tree > *');
  const lines = await rows.allTextContents();
  return lines.map((line) => line.replaceAll('\u00a0', ' ')).join('\n');
}

/**
 * Types a command on the keyboard, on an empty screen.
 *
 * @returns lines that it printed
 */
export async function runInGuest(page: Page, command: string): Promise<string[]> {
  await page.focus('.xterm-helper-textarea');
  // In two halves, so that the typed text isn't taken for its output; another one each time.
  const mark = Date.now();
  await page.keyboard.type(`clear; ${command}; echo en''d ${mark} $?\n`);
  const end = new RegExp(`^end ${mark} \\d+ *$`, 'm');
  await expect.poll(() => screenOf(page), { timeout: ANSWER_TIMEOUT }).toMatch(end);
  const screen = await screenOf(page);
  const lines = screen.split('\n').map((line) => line.trimEnd());
  return lines.slice(
    0,
    lines.findIndex((line) => end.test(line)),
  );
}
