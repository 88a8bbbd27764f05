import { TpmdevError } from 'tpm-core';

/** A command line that cannot be used. Nothing was started. */
export class OptionError extends TpmdevError {
  /**
   * @param message what is wrong, with the option as it was given, for example
   *   `-device tpm-tis: 'tpmdev' property is required`
   */
  constructor(message: string) {
    super('ERR_OPTION', message);
  }
}

/**
 * @param option the option's name without a dash, for example `'device'`
 * @param argument its argument as given, or `undefined` when it has none
 * @param message what is wrong with it
 * @returns the error that names the option as it was given
 */
export function optionError(
  option: string,
  argument: string | undefined,
  message: string,
): OptionError {
  const given = argument === undefined ? `-${option}` : `-${option} ${argument}`;
  return new OptionError(`${given}: ${message}`);
}
