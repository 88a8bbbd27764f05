/**
 * A TPM response code (TPM 2.0 Library, Part 2, section 6.6). Codes are data: a function that can
 * refuse returns its result or such a number, and `TPM_RC.SUCCESS` (0) where it has no result.
 */
export type ResponseCode = number;

const PARAMETER = 0x040;
const SESSION = 0x800;

/** Whether a code is of format one and doesn't carry a handle, parameter or session number yet. */
function canCarryNumber(code: ResponseCode): boolean {
  return code >= 0x080 && code <= 0x0bf;
}

/**
 * @param code a response code
 * @param number parameter of the command, 1 to 15
 * @returns the code with the parameter's number; codes that carry none come back as they are
 */
export function atParameter(code: ResponseCode, number: number): ResponseCode {
  return canCarryNumber(code) ? code | PARAMETER | (number << 8) : code;
}

/**
 * @param code a response code
 * @param number handle of the command, 1 to 7
 * @returns the code with the handle's number; codes that carry none come back as they are
 */
export function atHandle(code: ResponseCode, number: number): ResponseCode {
  return canCarryNumber(code) ? code | (number << 8) : code;
}

/**
 * @param code a response code
 * @param number session of the command, 1 to 7
 * @returns the code with the session's number; codes that carry none come back as they are
 */
export function atSession(code: ResponseCode, number: number): ResponseCode {
  return canCarryNumber(code) ? code | SESSION | (number << 8) : code;
}

/** @returns whether a function refused, rather than handing back its result */
export function isRefusal(result: unknown): result is ResponseCode {
  return typeof result === 'number';
}
