import { openEmbedded } from '../src/index.js';

/** Starts a new TPM in memory. @returns its answer to TPM2_Startup(CLEAR) */
export async function startTpm(): Promise<Uint8Array> {
  const backend = await openEmbedded();
  backend.onEvent = ({ type, error }) => console.error(type, error.message);
  await backend.start({ bufferSize: 0 });
  const command = Uint8Array.of(0x80, 0x01, 0, 0, 0, 12, 0, 0, 0x01, 0x44, 0, 0);
  const { response } = await backend.execute({ command, locality: 0, responseCapacity: 4096 });
  await backend.close();
  return response;
}
