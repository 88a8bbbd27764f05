import type { TpmBackend } from 'tpm-core';
import { TIS_BASE_ADDRESS, TisDevice } from '../src/index.js';

interface Emulator {
  map(address: number, region: TisDevice['mmio']): void;
  setIrq(line: number, level: boolean): void;
}

export async function plugTpm(emulator: Emulator, backend: TpmBackend): Promise<TisDevice> {
  const irq = { set: (level: boolean) => emulator.setIrq(5, level) };
  const tpm = new TisDevice({ backend, irq, irqNumber: 5 });
  emulator.map(TIS_BASE_ADDRESS, tpm.mmio);
  const outcome = await tpm.reset();
  if (!outcome.started) throw outcome.error;
  return tpm;
}
