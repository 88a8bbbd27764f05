import type { TpmBackend } from 'tpm-core';
import { CRB_BASE_ADDRESS, CrbDevice } from '../src/index.js';

interface Emulator {
  map(address: number, region: CrbDevice['mmio']): void;
}

export async function plugTpm(emulator: Emulator, backend: TpmBackend): Promise<CrbDevice> {
  const tpm = new CrbDevice({ backend });
  emulator.map(CRB_BASE_ADDRESS, tpm.mmio);
  const outcome = await tpm.reset();
  if (!outcome.started) throw outcome.error;
  return tpm;
}
