import { memoryStore, openEmbedded } from 'tpm-backend-embedded';
import { TPM_CC, TPM_ST, WireWriter } from 'tpm-core';

const OWNER = 0x4000_0001;
const PASSWORD = 0x4000_0009;
const ALG = { ECC: 0x0023, SHA256: 0x000b, AES: 0x0006, CFB: 0x0043, NULL: 0x0010, P256: 0x0003 };
/** fixedTPM, fixedParent, sensitiveDataOrigin, userWithAuth, noDA, restricted, decrypt. */
const STORAGE_KEY = 0x0003_0472;

const STARTUP = Uint8Array.of(0x80, 1, 0, 0, 0, 12, 0, 0, 1, 0x44, 0, 0);

/** TPM2_CreatePrimary of a storage key on P-256: the key comes from the TPM's seed alone. */
function createPrimary(): Uint8Array {
  const template = new WireWriter()
    .uint16(ALG.ECC)
    .uint16(ALG.SHA256)
    .uint32(STORAGE_KEY)
    .uint16(0)
    .uint16(ALG.AES)
    .uint16(128)
    .uint16(ALG.CFB)
    .uint16(ALG.NULL)
    .uint16(ALG.P256)
    .uint16(ALG.NULL)
    .uint16(0)
    .uint16(0)
    .finish();
  const writer = new WireWriter()
    .uint16(TPM_ST.SESSIONS)
    .uint32(0)
    .uint32(TPM_CC.CreatePrimary)
    .uint32(OWNER)
    .uint32(9)
    .uint32(PASSWORD)
    .uint16(0)
    .uint8(0)
    .uint16(0)
    .uint16(4)
    .uint16(0)
    .uint16(0)
    .uint16(template.length)
    .bytes(template)
    .uint16(0)
    .uint32(0);
  return writer.patchUint32(2, writer.length).finish();
}

/**
 * @param state an exported state
 * @returns public area of a primary key, hexadecimal: the same for the same TPM, whatever happened
 *   to it in between
 */
export async function identityOf(state: Uint8Array): Promise<string> {
  const tpm = await openEmbedded({ store: memoryStore(state) });
  await tpm.start({ bufferSize: 0 });
  const execute = async (command: Uint8Array): Promise<Uint8Array> => {
    const { response } = await tpm.execute({ command, locality: 0, responseCapacity: 4096 });
    const code = new DataView(response.buffer, response.byteOffset).getUint32(6);
    if (code !== 0) throw new Error(`The TPM answered 0x${code.toString(16)}`);
    return response;
  };
  await execute(STARTUP.slice());
  const response = await execute(createPrimary());
  await tpm.close();
  const size = new DataView(response.buffer, response.byteOffset).getUint16(18);
  return Buffer.from(response.subarray(20, 20 + size)).toString('hex');
}
