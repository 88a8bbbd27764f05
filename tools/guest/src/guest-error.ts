import { TpmdevError } from 'tpm-core';

/** Why a guest image could not be prepared. */
export type GuestErrorCode =
  /** No apt-get, dpkg-deb, tar or flock on this system. */
  | 'ERR_GUEST_PROGRAM_MISSING'
  /** The package mirror can't be reached. */
  | 'ERR_GUEST_NETWORK'
  /** The cache's file system is full. */
  | 'ERR_GUEST_DISK_FULL'
  /** The mirror has no packages for i386. */
  | 'ERR_GUEST_ARCHITECTURE'
  /** The mirror has no Debian 12. */
  | 'ERR_GUEST_SUITE'
  /** The packages' signatures can't be checked. */
  | 'ERR_GUEST_SIGNATURE'
  /** The image isn't in the cache and the network may not be used. */
  | 'ERR_GUEST_OFFLINE'
  /** The cache folder can't be used. */
  | 'ERR_GUEST_CACHE'
  /** A package lacks a file that the image needs. */
  | 'ERR_GUEST_PACKAGE'
  /** A program ended with an error that none of the others describes. */
  | 'ERR_GUEST_PROGRAM'
  /** The caller gave up. */
  | 'ERR_GUEST_ABORTED'
  /** An option that can't be used. */
  | 'ERR_GUEST_OPTION';

/** A guest image could not be prepared. No half-built image is left where it would be used. */
export class GuestError extends TpmdevError {
  declare readonly code: GuestErrorCode;

  /** @param message what failed, with which value, and the way out; one line, no full stop */
  constructor(code: GuestErrorCode, message: string, options: { readonly cause?: unknown } = {}) {
    super(code, message, options);
  }
}

/** The way out that is always open, to close a message with. */
export const OWN_FILES: string =
  'or pass your own --bios with --kernel and --initrd, or --bios with --cdrom';
