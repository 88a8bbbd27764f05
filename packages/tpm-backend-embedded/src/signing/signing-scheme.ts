import { TPM_RC_FORMAT_ONE } from 'tpm-core';
import { hasAttribute } from '../objects/object-attributes.js';
import type { ResponseCode } from '../response-code.js';
import { TPM_ALG } from '../structures/algorithm-ids.js';
import type { Scheme } from '../structures/algorithms.js';
import type { PublicArea } from '../structures/public-area.js';

/** Signing schemes by the type of the key. */
const SIGNING_SCHEMES: Readonly<Record<number, readonly number[]>> = {
  [TPM_ALG.RSA]: [TPM_ALG.RSASSA, TPM_ALG.RSAPSS],
  [TPM_ALG.ECC]: [TPM_ALG.ECDSA, TPM_ALG.ECDAA, TPM_ALG.ECSCHNORR],
  [TPM_ALG.KEYEDHASH]: [TPM_ALG.HMAC],
};

/** @returns whether an object can sign: a symmetric cipher object's attribute means encryption */
export function isSigningKey(area: PublicArea): boolean {
  return hasAttribute(area, 'sign') && area.type !== TPM_ALG.SYMCIPHER;
}

/**
 * Decides by which scheme a key signs (Part 3, section 20.2, "TPM2_Sign"): the key's own, or the
 * caller's where the key leaves it open. A caller may repeat the key's. ECDAA has to be given with
 * the counter of its commit even if it is the key's.
 *
 * @param area of a key for which {@link isSigningKey} holds
 * @param given the command's inScheme
 * @returns the scheme, or TPM_RC_SCHEME without a number
 */
export function signingScheme(area: PublicArea, given: Scheme): Scheme | ResponseCode {
  if (area.type === TPM_ALG.SYMCIPHER) return TPM_RC_FORMAT_ONE.SCHEME;
  const { scheme: own } = area.parameters;
  const isOpen = own.scheme === TPM_ALG.NULL;
  const chosen = !isOpen && given.scheme === TPM_ALG.NULL ? own : given;
  if (chosen === own && own.scheme === TPM_ALG.ECDAA) return TPM_RC_FORMAT_ONE.SCHEME;
  if (!isOpen && (chosen.scheme !== own.scheme || chosen.hashAlg !== own.hashAlg)) {
    return TPM_RC_FORMAT_ONE.SCHEME;
  }
  return SIGNING_SCHEMES[area.type]!.includes(chosen.scheme) ? chosen : TPM_RC_FORMAT_ONE.SCHEME;
}
