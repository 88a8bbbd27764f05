import { TPM_RC_FORMAT_ONE } from 'tpm-core';
import { LIMIT } from './limits.js';
import { oneOf, restricted, UINT32, type WireType } from './wire-type.js';

/** Permanent handles (TPM 2.0 Library, Part 2, section 7.4, TPM_RH). */
export const TPM_RH = {
  OWNER: 0x4000_0001,
  NULL: 0x4000_0007,
  UNASSIGNED: 0x4000_0008,
  /** TPM_RS_PW: the password session. */
  PW: 0x4000_0009,
  LOCKOUT: 0x4000_000a,
  ENDORSEMENT: 0x4000_000b,
  PLATFORM: 0x4000_000c,
  PLATFORM_NV: 0x4000_000d,
} as const;

/** Handle types: the most significant octet (Part 2, section 7.2, TPM_HT). */
export const TPM_HT = {
  PCR: 0x00,
  NV_INDEX: 0x01,
  HMAC_SESSION: 0x02,
  POLICY_SESSION: 0x03,
  PERMANENT: 0x40,
  TRANSIENT: 0x80,
  PERSISTENT: 0x81,
} as const;

/** First handle of each range (Part 2, section 7.5, TPM_HC). */
export const HANDLE_FIRST = {
  NV_INDEX: 0x0100_0000,
  HMAC_SESSION: 0x0200_0000,
  POLICY_SESSION: 0x0300_0000,
  TRANSIENT: 0x8000_0000,
  PERSISTENT: 0x8100_0000,
  /** Persistent handles of the platform. */
  PLATFORM_PERSISTENT: 0x8180_0000,
} as const;

/** @returns the handle's type, a {@link TPM_HT} value where the standard knows it */
export function handleType(handle: number): number {
  return handle >>> 24;
}

/** @returns the handle without its type */
export function handleIndex(handle: number): number {
  return handle & 0x00ff_ffff;
}

const VALUE = TPM_RC_FORMAT_ONE.VALUE;

function ofTypes(...types: readonly number[]): (handle: number) => boolean {
  return (handle) => types.includes(handleType(handle));
}

const isTransient = (handle: number): boolean =>
  handleType(handle) === TPM_HT.TRANSIENT && handleIndex(handle) < LIMIT.TRANSIENT_SLOTS;
const isObject = (handle: number): boolean =>
  isTransient(handle) || handleType(handle) === TPM_HT.PERSISTENT;
const isSession = (handle: number): boolean =>
  ofTypes(TPM_HT.HMAC_SESSION, TPM_HT.POLICY_SESSION)(handle) &&
  handleIndex(handle) < LIMIT.ACTIVE_SESSIONS;
const isNvIndex = ofTypes(TPM_HT.NV_INDEX);
const isPcr = (handle: number): boolean => handle < LIMIT.PCR;
/**
 * TPM_RH_AUTH_00 to TPM_RH_AUTH_FF, authorization values of a manufacturer (Part 2, section 7.4):
 * known as handles of the kind, and never there.
 */
export function isVendorAuth(handle: number): boolean {
  return handle >= 0x4000_0010 && handle <= 0x4000_010f;
}

/** A loaded or persistent object. */
export const TPMI_DH_OBJECT: WireType<number> = restricted(UINT32, isObject, VALUE);

/** A loaded or persistent object, or TPM_RH_NULL. */
export const TPMI_DH_OBJECT_OR_NULL: WireType<number> = restricted(
  UINT32,
  (handle) => isObject(handle) || handle === TPM_RH.NULL,
  VALUE,
);

/** A handle of the persistent range. */
export const TPMI_DH_PERSISTENT: WireType<number> = restricted(
  UINT32,
  ofTypes(TPM_HT.PERSISTENT),
  VALUE,
);

/** Parent of a new object: an object or a hierarchy. */
export const TPMI_DH_PARENT: WireType<number> = restricted(
  UINT32,
  (handle) => isObject(handle) || isHierarchy(handle),
  VALUE,
);

/** What can be saved: a transient object or a session. */
export const TPMI_DH_CONTEXT: WireType<number> = restricted(
  UINT32,
  (handle) => isTransient(handle) || isSession(handle),
  VALUE,
);

/** The handle in a saved context. */
export const TPMI_DH_SAVED: WireType<number> = restricted(
  UINT32,
  (handle) =>
    isSession(handle) || (handle >= HANDLE_FIRST.TRANSIENT && handle <= HANDLE_FIRST.TRANSIENT + 2),
  VALUE,
);

/** Anything with an authorization. */
export const TPMI_DH_ENTITY: WireType<number> = restricted(
  UINT32,
  (handle) =>
    isPcr(handle) ||
    isNvIndex(handle) ||
    isObject(handle) ||
    isEnabledHierarchyHandle(handle) ||
    isVendorAuth(handle) ||
    handle === TPM_RH.LOCKOUT,
  VALUE,
);

/** Anything with an authorization, or TPM_RH_NULL. */
export const TPMI_DH_ENTITY_OR_NULL: WireType<number> = restricted(
  UINT32,
  (handle) =>
    isPcr(handle) ||
    isNvIndex(handle) ||
    isObject(handle) ||
    isHierarchy(handle) ||
    isVendorAuth(handle) ||
    handle === TPM_RH.LOCKOUT,
  VALUE,
);

/** A PCR. */
export const TPMI_DH_PCR: WireType<number> = restricted(UINT32, isPcr, VALUE);

/** A PCR, or TPM_RH_NULL. */
export const TPMI_DH_PCR_OR_NULL: WireType<number> = restricted(
  UINT32,
  (handle) => isPcr(handle) || handle === TPM_RH.NULL,
  VALUE,
);

/** A session that can authorize: HMAC or policy. */
export const TPMI_SH_AUTH_SESSION: WireType<number> = restricted(UINT32, isSession, VALUE);

/** An HMAC session. */
export const TPMI_SH_HMAC: WireType<number> = restricted(
  UINT32,
  (handle) => isSession(handle) && handleType(handle) === TPM_HT.HMAC_SESSION,
  VALUE,
);

/** A policy session. */
export const TPMI_SH_POLICY: WireType<number> = restricted(
  UINT32,
  (handle) => isSession(handle) && handleType(handle) === TPM_HT.POLICY_SESSION,
  VALUE,
);

function isEnabledHierarchyHandle(handle: number): boolean {
  return handle === TPM_RH.OWNER || handle === TPM_RH.ENDORSEMENT || handle === TPM_RH.PLATFORM;
}

/** Whether a handle is one of the four hierarchies, the null hierarchy among them. */
export function isHierarchy(handle: number): boolean {
  return isEnabledHierarchyHandle(handle) || handle === TPM_RH.NULL;
}

/** A hierarchy, TPM_RH_NULL among them. */
export const TPMI_RH_HIERARCHY: WireType<number> = restricted(UINT32, isHierarchy, VALUE);

/** What HierarchyControl switches. */
export const TPMI_RH_ENABLES: WireType<number> = oneOf(
  UINT32,
  [TPM_RH.OWNER, TPM_RH.PLATFORM, TPM_RH.ENDORSEMENT, TPM_RH.PLATFORM_NV],
  VALUE,
);

/** A hierarchy with an authorization value of its own, lockout among them. */
export const TPMI_RH_HIERARCHY_AUTH: WireType<number> = oneOf(
  UINT32,
  [TPM_RH.OWNER, TPM_RH.PLATFORM, TPM_RH.ENDORSEMENT, TPM_RH.LOCKOUT],
  VALUE,
);

/** Target of SetPrimaryPolicy. */
export const TPMI_RH_HIERARCHY_POLICY: WireType<number> = TPMI_RH_HIERARCHY_AUTH;

/** Owner or platform. */
export const TPMI_RH_PROVISION: WireType<number> = oneOf(
  UINT32,
  [TPM_RH.OWNER, TPM_RH.PLATFORM],
  VALUE,
);

/** Platform. */
export const TPMI_RH_PLATFORM: WireType<number> = oneOf(UINT32, [TPM_RH.PLATFORM], VALUE);

/** Endorsement. */
export const TPMI_RH_ENDORSEMENT: WireType<number> = oneOf(UINT32, [TPM_RH.ENDORSEMENT], VALUE);

/** Lockout or platform. */
export const TPMI_RH_CLEAR: WireType<number> = oneOf(
  UINT32,
  [TPM_RH.LOCKOUT, TPM_RH.PLATFORM],
  VALUE,
);

/** Lockout. */
export const TPMI_RH_LOCKOUT: WireType<number> = oneOf(UINT32, [TPM_RH.LOCKOUT], VALUE);

/** Who authorizes an NV access: owner, platform or the index. */
export const TPMI_RH_NV_AUTH: WireType<number> = restricted(
  UINT32,
  (handle) => handle === TPM_RH.OWNER || handle === TPM_RH.PLATFORM || isNvIndex(handle),
  VALUE,
);

/** An NV index. */
export const TPMI_RH_NV_INDEX: WireType<number> = restricted(UINT32, isNvIndex, VALUE);

/** Any handle. */
export const TPM_HANDLE: WireType<number> = UINT32;

/** A hierarchy that can be switched off: owner, endorsement or platform. */
export const TPMI_RH_BASE_HIERARCHY: WireType<number> = restricted(
  UINT32,
  isEnabledHierarchyHandle,
  VALUE,
);
