import { concatBytes } from '@noble/hashes/utils.js';
import { TPM_CC, WireReader, WireWriter } from 'tpm-core';
import { type Entity, password, type SessionClient } from './session-client.js';
import { clientHash, sized } from './session-cryptography.js';
import type { SaltKey } from './session-salt.js';

/** What a storage key can be made with. */
export interface StorageKeyOptions {
  /** Null hierarchy when left out. */
  readonly hierarchy?: Entity;
  readonly nameAlg?: number;
  readonly curve?: number;
  readonly authValue?: Uint8Array;
  readonly authPolicy?: Uint8Array;
  /** TPMA_OBJECT; fixed, userWithAuth, noDA, restricted, decrypt when left out. */
  readonly objectAttributes?: number;
}

/** A storage key's template: TPMT_PUBLIC of a key with AES-128-CFB. */
export function storageTemplate(kind: 'ecc' | 'rsa', options: StorageKeyOptions = {}): Uint8Array {
  const { nameAlg = 0x000b, curve = 0x0003, objectAttributes = 0x0003_0472 } = options;
  const writer = new WireWriter().uint16(kind === 'ecc' ? 0x0023 : 0x0001).uint16(nameAlg);
  writer.uint32(objectAttributes).bytes(sized(options.authPolicy ?? new Uint8Array(0)));
  writer.uint16(0x0006).uint16(128).uint16(0x0043).uint16(0x0010);
  if (kind === 'ecc') writer.uint16(curve).uint16(0x0010).uint16(0).uint16(0);
  else writer.uint16(2048).uint32(0).uint16(0);
  return writer.finish();
}

/** CreatePrimary of a {@link storageTemplate}. @throws Error when it is refused */
export async function createStorageKey(
  client: SessionClient,
  kind: 'ecc' | 'rsa',
  options: StorageKeyOptions = {},
): Promise<SaltKey> {
  const { hierarchy = { handle: 0x4000_0007 }, nameAlg = 0x000b, curve = 0x0003 } = options;
  const authValue = options.authValue ?? new Uint8Array(0);
  const reply = await client.call({
    code: TPM_CC.CreatePrimary,
    handles: [hierarchy],
    sessions: [password(hierarchy)],
    parameters: concatBytes(
      sized(concatBytes(sized(authValue), sized(new Uint8Array(0)))),
      sized(storageTemplate(kind, options)),
      new Uint8Array(6),
    ),
    responseHandle: true,
  });
  if (reply.code !== 0)
    throw new Error(`CreatePrimary was refused with 0x${reply.code.toString(16)}`);
  const reader = new WireReader(reply.parameters);
  const publicArea = reader.bytes(reader.uint16()).slice();
  const name = concatBytes(
    new WireWriter().uint16(nameAlg).finish(),
    clientHash(nameAlg)(publicArea),
  );
  const policySize = options.authPolicy?.length ?? 0;
  const unique = new WireReader(publicArea.subarray(policySize + (kind === 'ecc' ? 22 : 24)));
  const part = (): Uint8Array => unique.bytes(unique.uint16()).slice();
  const key = { handle: reply.handle, name, authValue, nameAlg };
  if (kind === 'rsa') return { ...key, rsaModulus: part() };
  return { ...key, ecc: { curve, x: part(), y: part() } };
}
