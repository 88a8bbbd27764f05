/** One release per major version that the packages support. */
export const NODE_VERSIONS: readonly string[];
/**
 * @returns the program of an installed release
 * @throws Error with the line that installs it
 */
export function requireNode(version: string): string;
