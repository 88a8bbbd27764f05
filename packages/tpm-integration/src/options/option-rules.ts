/**
 * What becomes of an option:
 *
 * - `used`: it says something about the machine
 * - `ignored`: it makes no difference to this machine
 * - `refused`: it asks for something that this machine doesn't have
 */
export type OptionUse = 'used' | 'ignored' | 'refused';

/** One option of a command line in QEMU's grammar. */
export interface OptionRule {
  readonly use: OptionUse;
  /** Whether an argument follows. */
  readonly argument: boolean;
  /** The only arguments that can be ignored; any other one is refused. Absent: every one. */
  readonly only?: readonly string[];
  /** Why it is refused. */
  readonly reason?: string;
  /** Not an option of QEMU's: two dashes are needed, so that nobody takes it for one. */
  readonly own?: true;
}

/** Rules by the options' names. */
export type OptionRules = ReadonlyMap<string, OptionRule>;

/** @param names the options' names, separated by spaces */
export function used(names: string, argument: boolean): [string, OptionRule][] {
  return names.split(' ').map((name) => [name, { use: 'used', argument }]);
}

/**
 * @param names the options' names, separated by spaces
 * @param only the arguments that make no difference; absent: every one
 * @param reason why any other one is refused
 */
export function ignored(
  names: string,
  argument: boolean,
  only?: readonly string[],
  reason?: string,
): [string, OptionRule][] {
  const rule: OptionRule = {
    use: 'ignored',
    argument,
    ...(only === undefined ? {} : { only }),
    ...(reason === undefined ? {} : { reason }),
  };
  return names.split(' ').map((name) => [name, rule]);
}

/** @param names the options' names, separated by spaces */
export function refused(names: string, argument: boolean, reason: string): [string, OptionRule][] {
  return names.split(' ').map((name) => [name, { use: 'refused', argument, reason }]);
}
