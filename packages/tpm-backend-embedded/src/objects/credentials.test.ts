import { TPM_CC } from 'tpm-core';
import { describe, expect, it } from 'vitest';
import { HIERARCHY } from '../../test/owned-objects.js';
import { commandBytes, NO_PASSWORD, responseCode } from '../../test/password-command.js';
import { createParent, run, startedWithParent } from '../../test/stored-objects.js';
import { joined, sized } from '../../test/wire-bytes.js';
import { findObject } from '../entity.js';
import type { Tpm } from '../tpm.js';

const CREDENTIAL = Uint8Array.of(1, 2, 3, 4, 5);

function started() {
  const { tpm, parent: key } = startedWithParent();
  const object = createParent(tpm, HIERARCHY.endorsement);
  return { tpm, key, object, name: findObject(tpm, object)!.name };
}

/** Without a session area: number `index` of the parameters. */
function sizedPlain(response: Uint8Array, index: number): Uint8Array {
  const view = new DataView(response.buffer, response.byteOffset);
  let offset = 10;
  for (let skip = index; skip > 0; skip--) offset += 2 + view.getUint16(offset);
  return response.slice(offset + 2, offset + 2 + view.getUint16(offset));
}

function make(tpm: Tpm, handle: number, name: Uint8Array, credential = CREDENTIAL): Uint8Array {
  const parameters = joined(sized(credential), sized(name));
  return tpm.execute(
    commandBytes({ code: TPM_CC.MakeCredential, handles: [handle], parameters }),
    0,
  );
}

function activate(tpm: Tpm, handles: readonly number[], blob: Uint8Array, secret: Uint8Array) {
  const parameters = joined(sized(blob), sized(secret));
  const passwords = [NO_PASSWORD, NO_PASSWORD];
  return run(tpm, TPM_CC.ActivateCredential, handles, parameters, passwords);
}

describe('TPM2_MakeCredential and TPM2_ActivateCredential', () => {
  it('TPM2_ActivateCredential hands out what TPM2_MakeCredential protected', () => {
    const { tpm, key, object, name } = started();
    const made = make(tpm, key, name);
    const answer = activate(tpm, [object, key], sizedPlain(made, 0), sizedPlain(made, 1));
    expect(responseCode(answer)).toBe(0);
    expect(answer.subarray(16, 16 + CREDENTIAL.length)).toEqual(CREDENTIAL);
  });

  it('TPM2_ActivateCredential refuses another object, and a blob with any byte changed', () => {
    const { tpm, key, object, name } = started();
    const made = make(tpm, key, name);
    const [blob, secret] = [sizedPlain(made, 0), sizedPlain(made, 1)];
    expect(responseCode(activate(tpm, [key, key], blob, secret))).toBe(0x1df);
    for (let at = 2; at < blob.length; at++) {
      const changed = blob.with(at, blob[at]! ^ 1);
      expect(responseCode(activate(tpm, [object, key], changed, secret))).toBe(0x1df);
    }
  });

  it('TPM2_ActivateCredential refuses a point beside the curve', () => {
    const { tpm, key, object, name } = started();
    const made = make(tpm, key, name);
    const secret = sizedPlain(made, 1);
    const beside = secret.with(9, secret[9]! ^ 1);
    expect(responseCode(activate(tpm, [object, key], sizedPlain(made, 0), beside))).toBe(0x2e7);
  });

  it('TPM2_MakeCredential takes at most a digest of the key', () => {
    const { tpm, key, name } = started();
    expect(responseCode(make(tpm, key, name, new Uint8Array(32)))).toBe(0);
    expect(responseCode(make(tpm, key, name, new Uint8Array(33)))).toBe(0x1d5);
  });
});
