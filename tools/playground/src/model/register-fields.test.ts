import { ScriptedBackend } from '@tpmdev/testing/scripted-backend';
import fc from 'fast-check';
import type { MmioRegion, TpmFrontEnd } from 'tpm-core';
import { CrbDevice } from 'tpm-crb';
import { TisDevice } from 'tpm-tis';
import { describe, expect, it } from 'vitest';
import { CRB_REGISTERS } from './crb-registers.js';
import { extractField, type RegisterView, viewRegisters } from './register-fields.js';
import { activeLocality, localityBase, TIS_REGISTERS } from './tis-registers.js';

const STARTUP = [0x80, 1, 0, 0, 0, 12, 0, 0, 1, 0x44, 0, 0];

async function started<Device extends TpmFrontEnd>(device: Device): Promise<MmioRegion> {
  expect(await device.reset()).toEqual({ started: true });
  return device.mmio;
}

const tis = (): Promise<MmioRegion> => started(new TisDevice({ backend: new ScriptedBackend() }));

function field(views: readonly RegisterView[], register: string, name: string) {
  const fields = views.find((view) => view.name === register)?.fields;
  return fields?.find((candidate) => candidate.name === name);
}

describe('extractField()', () => {
  it('extractField() shifts any mask of adjacent bits down', () => {
    fc.assert(
      fc.property(fc.nat(31), fc.nat(31), fc.nat(0xffff_ffff), (first, extra, value) => {
        const width = Math.min(extra + 1, 32 - first);
        const mask = ((2 ** width - 1) * 2 ** first) >>> 0;
        expect(extractField(value, mask)).toBe(Math.floor(value / 2 ** first) % 2 ** width);
      }),
    );
  });

  it('extractField() of no bits is zero', () => {
    expect(extractField(0xffff_ffff, 0)).toBe(0);
  });
});

describe('TIS registers', () => {
  it('viewRegisters() names the state of a locality that owns the TPM', async () => {
    const mmio = await tis();
    const look = () => viewRegisters(TIS_REGISTERS, mmio.read, localityBase(2));
    expect(activeLocality(mmio.read)).toBeUndefined();
    expect(look().find(({ name }) => name === 'TPM_STS')).toMatchObject({ isAbsent: true });
    mmio.write(0x2000, 1, 0x02); // requestUse
    mmio.write(0x2018, 4, 0x40); // commandReady
    expect(activeLocality(mmio.read)).toBe(2);
    const views = look();
    expect(field(views, 'TPM_ACCESS', 'activeLocality')).toMatchObject({ value: 1, text: 'set' });
    expect(field(views, 'TPM_ACCESS', 'requestUse')).toMatchObject({ value: 0, text: 'clear' });
    expect(field(views, 'TPM_STS', 'commandReady')?.value).toBe(1);
    expect(field(views, 'TPM_STS', 'burstCount')?.text).toBe('4096 bytes');
    expect(field(views, 'TPM_STS', 'tpmFamily')?.text).toBe('TPM 2.0');
    expect(field(views, 'TPM_INTF_CAPABILITY', 'InterfaceVersion')?.text).toBe('PTP, TPM 2.0');
    expect(field(views, 'TPM_DID_VID', 'vendor')?.text).toBe('0x1014');
    expect(views[0]?.offset).toBe(0x2000);
  });

  it('viewRegisters() takes nothing out of the FIFO', async () => {
    const mmio = await tis();
    mmio.write(0, 1, 0x02);
    mmio.write(0x18, 4, 0x40);
    for (const byte of STARTUP) mmio.write(0x24, 1, byte);
    mmio.write(0x18, 1, 0x20); // tpmGo
    await expect.poll(() => mmio.read(0x18, 1) & 0x10).toBe(0x10);
    for (let locality = 0; locality < 5; locality++) {
      viewRegisters(TIS_REGISTERS, mmio.read, localityBase(locality));
    }
    const response = Array.from({ length: 10 }, () => mmio.read(0x24, 1));
    expect(response).toEqual([0x80, 1, 0, 0, 0, 10, 0, 0, 0, 0]);
  });
});

describe('CRB registers', () => {
  it('viewRegisters() names the state of the control area', async () => {
    const mmio = await started(new CrbDevice({ backend: new ScriptedBackend() }));
    mmio.write(0x08, 4, 1); // requestAccess
    mmio.write(0x40, 4, 1); // cmdReady
    const views = viewRegisters(CRB_REGISTERS, mmio.read);
    expect(field(views, 'TPM_LOC_STATE', 'locAssigned')?.value).toBe(1);
    expect(field(views, 'TPM_LOC_STS', 'Granted')?.value).toBe(1);
    expect(field(views, 'TPM_CRB_CTRL_STS', 'tpmIdle')?.value).toBe(0);
    expect(field(views, 'TPM_INTF_ID', 'InterfaceType')?.text).toBe('CRB');
    expect(field(views, 'TPM_CRB_CTRL_CMD_SIZE', 'size')?.text).toBe('3968 bytes');
    expect(field(views, 'TPM_CRB_CTRL_RSP_ADDR', 'address')?.text).toBe('0xfed40080');
  });
});
