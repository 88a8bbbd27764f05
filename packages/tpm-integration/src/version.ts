/** Version of this package. */
export const VERSION = '0.1.0';

/** Name and version, for monitors and messages. */
export const PACKAGE: string = `tpm-integration ${VERSION}`;

/** Release of QEMU whose behaviour monitors claim: major, minor, micro. */
export const COMPATIBILITY_LEVEL: readonly [number, number, number] = [7, 2, 0];
