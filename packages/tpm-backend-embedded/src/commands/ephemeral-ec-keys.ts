import { TPMI_ECC_CURVE } from '../structures/algorithms.js';
import {
  TPM2B_ECC_PARAMETER,
  TPM2B_ECC_POINT,
  TPM2B_ECC_POINT_OR_EMPTY,
  TPM2B_SENSITIVE_DATA,
} from '../structures/buffers.js';
import { TPMI_DH_OBJECT } from '../structures/handles.js';
import { UINT16 } from '../structures/wire-type.js';
import { type Command, command, user } from './command.js';

/** Ephemeral EC keys (TPM 2.0 Library, Part 3, section 19). */
export const EPHEMERAL_EC_KEYS: readonly Command[] = [
  command('Commit', {
    handles: { signHandle: user(TPMI_DH_OBJECT) },
    parameters: { P1: TPM2B_ECC_POINT_OR_EMPTY, s2: TPM2B_SENSITIVE_DATA, y2: TPM2B_ECC_PARAMETER },
    response: {
      K: TPM2B_ECC_POINT_OR_EMPTY,
      L: TPM2B_ECC_POINT_OR_EMPTY,
      E: TPM2B_ECC_POINT_OR_EMPTY,
      counter: UINT16,
    },
  }),
  command('EC_Ephemeral', {
    parameters: { curveID: TPMI_ECC_CURVE },
    response: { Q: TPM2B_ECC_POINT, counter: UINT16 },
  }),
];
