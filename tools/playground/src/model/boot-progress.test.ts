import { GUEST_READY } from '@tpmdev/guest/proof';
import { describe, expect, it } from 'vitest';
import { BootProgress } from './boot-progress.js';

describe('BootProgress', () => {
  it('BootProgress follows a boot from the firmware to the shell', () => {
    const boot = new BootProgress();
    expect(boot.phase).toBe('power-on');
    boot.command('TPM2_Startup');
    expect(boot.phase).toBe('firmware');
    boot.command('TPM2_HierarchyChangeAuth');
    expect(boot.phase).toBe('kernel');
    boot.command('TPM2_PCR_Extend');
    expect(boot.phase).toBe('kernel');
    boot.output('tpm-proof begin\r\n');
    expect(boot.phase).toBe('user-space');
    boot.output(`${GUEST_READY}\r\n`);
    expect(boot.phase).toBe('shell');
    boot.command('TPM2_HierarchyChangeAuth');
    boot.output('more');
    expect(boot.phase).toBe('shell');
  });

  it('BootProgress finds the last line wherever the console is cut', () => {
    for (let cut = 1; cut < GUEST_READY.length; cut++) {
      const boot = new BootProgress();
      boot.output(`some text before${GUEST_READY.slice(0, cut)}`);
      expect(boot.phase).toBe('user-space');
      boot.output('');
      boot.output(GUEST_READY.slice(cut));
      expect(boot.phase).toBe('shell');
    }
  });
});
