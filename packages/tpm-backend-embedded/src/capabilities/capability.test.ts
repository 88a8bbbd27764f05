import { fixtureJson } from '@tpmdev/testing/fixture';
import { fromHex, toHex } from '@tpmdev/testing/scripted-backend';
import { readUint32, TPM_RC, TPM_RC_FORMAT_ONE } from 'tpm-core';
import { describe, expect, it } from 'vitest';
import { freshTpm } from '../../test/fresh-tpm.js';
import { IMPLEMENTED_COMMANDS } from '../commands/command-table.js';
import { ORDERLY } from '../state/permanent-state.js';
import { TPM_ALG, TPM_ECC } from '../structures/algorithm-ids.js';
import {
  TPMT_ECC_SCHEME_OR_NULL,
  TPMT_KDF_SCHEME_OR_NULL,
  TPMT_RSA_SCHEME_OR_NULL,
} from '../structures/algorithms.js';
import {
  type AlgorithmProperty,
  type CapabilityData,
  type TaggedPcrSelect,
  type TaggedProperty,
  TPM_CAP,
} from '../structures/capability-data.js';
import { LIMIT } from '../structures/limits.js';
import { Unmarshaller } from '../structures/wire-type.js';
import type { Tpm } from '../tpm.js';
import { ALGORITHM_PROPERTIES } from './algorithm-properties.js';
import { getCapability } from './capability.js';
import { PROPERTY_VALUES, TPM_PT } from './property-values.js';

interface Numbered {
  readonly id: number;
  readonly name: string;
  readonly value: number;
}
interface Capabilities {
  readonly algorithms: readonly { readonly id: number; readonly attributes: number }[];
  readonly commands: readonly { readonly code: number; readonly attributes: number }[];
  readonly propertiesFixed: readonly Numbered[];
  readonly propertiesVariable: readonly Numbered[];
  readonly pcrBanks: readonly { readonly id: number; readonly selectHex: string }[];
  readonly pcrProperties: readonly { readonly id: number; readonly selectHex: string }[];
  readonly eccCurves: readonly { readonly id: number }[];
  readonly authPolicies: { readonly hex: string };
  readonly handles: Readonly<Record<string, { readonly list: readonly string[] }>>;
}
const golden = await fixtureJson<Capabilities>(
  new URL('../../fixtures/capabilities.json.gz', import.meta.url),
);

const STARTUP_CLEAR = fromHex('80010000000c000001440000');

function startedTpm(): Tpm {
  const tpm = freshTpm();
  tpm.execute(STARTUP_CLEAR, 0);
  return tpm;
}

function ask<C extends CapabilityData['capability']>(
  tpm: Tpm,
  capability: C,
  property = 0,
  count = 1000,
): { moreData: number; data: Extract<CapabilityData, { capability: C }>['data'] } {
  const result = getCapability(tpm, capability, property, count);
  if (typeof result === 'number') throw new Error(`Refused with 0x${result.toString(16)}`);
  return { moreData: result.moreData, data: result.capabilityData.data as never };
}

function code(tpm: Tpm, capability: number, property: number): number {
  const result = getCapability(tpm, capability, property, 1);
  return typeof result === 'number' ? result : TPM_RC.SUCCESS;
}

/** What libtpms has and this TPM leaves out. */
const ABSENT_ALGORITHMS: readonly number[] = [
  TPM_ALG.TDES,
  TPM_ALG.SM2,
  TPM_ALG.ECMQV,
  TPM_ALG.KDF2,
  TPM_ALG.CAMELLIA,
  TPM_ALG.CMAC,
];
const ABSENT_CURVES: readonly number[] = [
  TPM_ECC.NIST_P192,
  TPM_ECC.NIST_P224,
  TPM_ECC.BN_P256,
  TPM_ECC.BN_P638,
  TPM_ECC.SM2_P256,
];

/** Properties that differ from libtpms on purpose: the maker's own, and counts of what there is. */
const OWN_PROPERTIES: readonly number[] = [
  TPM_PT.MANUFACTURER,
  TPM_PT.FIRMWARE_VERSION_1,
  TPM_PT.FIRMWARE_VERSION_2,
  TPM_PT.MAX_OBJECT_CONTEXT,
  TPM_PT.MAX_SESSION_CONTEXT,
  TPM_PT.LOADED_CURVES,
];
/** They count the commands, which are compared one by one. */
const COMMAND_COUNTS: readonly number[] = [TPM_PT.TOTAL_COMMANDS, TPM_PT.LIBRARY_COMMANDS];

describe('getCapability() beside libtpms', () => {
  it('getCapability() lists the algorithms of libtpms but for those left out', () => {
    const { data, moreData } = ask(startedTpm(), TPM_CAP.ALGS);
    expect(moreData).toBe(0);
    expect(data).toEqual(
      golden.algorithms
        .filter(({ id }) => !ABSENT_ALGORITHMS.includes(id))
        .map(({ id, attributes }): AlgorithmProperty => ({ alg: id, algProperties: attributes })),
    );
  });

  it('getCapability() lists exactly the commands that are there, as libtpms describes them', () => {
    const { data } = ask(startedTpm(), TPM_CAP.COMMANDS);
    const present = IMPLEMENTED_COMMANDS.map((command) => command.code);
    expect(data).toEqual(
      golden.commands
        .filter((command) => present.includes(command.code))
        .map(({ attributes }) => attributes),
    );
    expect(data).toHaveLength(present.length);
  });

  it('getCapability() gives the fixed and variable properties of libtpms but for its own', () => {
    const tpm = startedTpm();
    for (const [first, expected] of [
      [TPM_PT.FAMILY_INDICATOR, golden.propertiesFixed],
      [TPM_PT.PERMANENT, golden.propertiesVariable],
    ] as const) {
      const { data, moreData } = ask(tpm, TPM_CAP.TPM_PROPERTIES, first);
      expect(moreData).toBe(0);
      expect(data.map(({ property }) => property)).toEqual(expected.map(({ id }) => id));
      const different = data.filter(({ value }, index) => value !== expected[index]!.value);
      const counts = different.filter(({ property }) => COMMAND_COUNTS.includes(property));
      for (const { value } of counts) expect(value).toBe(IMPLEMENTED_COMMANDS.length);
      expect(
        different.filter((one) => !counts.includes(one)).map(({ property }) => property),
      ).toEqual(data.map(({ property }) => property).filter((one) => OWN_PROPERTIES.includes(one)));
    }
  });

  it('getCapability() gives PCR banks and PCR attributes of libtpms', () => {
    const tpm = startedTpm();
    expect(
      ask(tpm, TPM_CAP.PCRS).data.map(({ hash, pcrSelect }) => [hash, toHex(pcrSelect)]),
    ).toEqual(golden.pcrBanks.map(({ id, selectHex }) => [id, selectHex]));
    expect(
      ask(tpm, TPM_CAP.PCR_PROPERTIES).data.map(({ tag, pcrSelect }: TaggedPcrSelect) => [
        tag,
        toHex(pcrSelect),
      ]),
    ).toEqual(golden.pcrProperties.map(({ id, selectHex }) => [id, selectHex]));
  });

  it('getCapability() lists the curves of libtpms but for those left out', () => {
    expect(ask(startedTpm(), TPM_CAP.ECC_CURVES).data).toEqual(
      golden.eccCurves.map(({ id }) => id).filter((id) => !ABSENT_CURVES.includes(id)),
    );
  });

  it('getCapability() lists the handles that libtpms has on a new TPM', () => {
    const tpm = startedTpm();
    for (const [first, name] of [
      [0x0000_0000, 'PCR'],
      [0x0100_0000, 'NV_INDEX'],
      [0x0200_0000, 'HMAC_SESSION_or_loaded'],
      [0x0300_0000, 'POLICY_SESSION_or_saved'],
      [0x4000_0000, 'PERMANENT'],
      [0x8000_0000, 'TRANSIENT'],
      [0x8100_0000, 'PERSISTENT'],
    ] as const) {
      expect(ask(tpm, TPM_CAP.HANDLES, first).data, name).toEqual(
        golden.handles[name]!.list.map(Number),
      );
    }
  });

  it('getCapability() answers the policies of the hierarchies byte for byte', () => {
    const response = startedTpm().execute(
      fromHex('8001000000160000017a000000094000000100000009'),
      0,
    );
    expect(toHex(response).slice(20)).toBe(golden.authPolicies.hex);
  });
});

describe('getCapability()', () => {
  it.each([
    [TPM_CAP.ALGS, 0, TPM_ALG.ECB],
    [TPM_CAP.HANDLES, 0x4000_0000, 0x4000_000d],
    [TPM_CAP.COMMANDS, 0, IMPLEMENTED_COMMANDS.at(-1)!.code],
    [TPM_CAP.TPM_PROPERTIES, 0x100, 0x12e],
    [TPM_CAP.TPM_PROPERTIES, 0x200, 0x214],
    [TPM_CAP.PCR_PROPERTIES, 0, 0x14],
    [TPM_CAP.ECC_CURVES, 0, TPM_ECC.NIST_P521],
    [TPM_CAP.AUTH_POLICIES, 0x4000_0001, 0x4000_000c],
  ])('getCapability(%i) sets moreData while elements follow', (capability, first, last) => {
    const tpm = startedTpm();
    expect(ask(tpm, capability, first, 0)).toEqual({ moreData: 1, data: [] });
    expect(ask(tpm, capability, first, 1)).toMatchObject({ moreData: 1, data: { length: 1 } });
    expect(ask(tpm, capability, last, 1)).toMatchObject({ moreData: 0, data: { length: 1 } });
    expect(ask(tpm, capability, last + 1, 1)).toEqual({ moreData: 0, data: [] });
  });

  it.each([
    [TPM_CAP.PCRS, 1],
    [TPM_CAP.AUTH_POLICIES, 0],
    [TPM_CAP.AUTH_POLICIES, 0x4100_0000],
    [TPM_CAP.ACT, 0x4000_010f],
    [TPM_CAP.ACT, 0x4000_0120],
  ])(
    'getCapability(%i, %i) refuses a property that the list cannot have',
    (capability, property) => {
      expect(code(startedTpm(), capability, property)).toBe(TPM_RC_FORMAT_ONE.VALUE | 0x240);
    },
  );

  it.each([0x0400_0000, 0x8200_0000, 0x9000_0000, 0xff00_0000])(
    'getCapability() refuses handles of the unknown type of %i with TPM_RC_HANDLE',
    (property) => {
      const refused = code(startedTpm(), TPM_CAP.HANDLES, property);
      expect(refused).toBe(TPM_RC_FORMAT_ONE.HANDLE | 0x240);
    },
  );

  it('getCapability() refuses an unknown capability', () => {
    expect(code(startedTpm(), 11, 0)).toBe(TPM_RC_FORMAT_ONE.VALUE | 0x140);
  });

  it('getCapability() finds an algorithm and a curve by the low half of the property', () => {
    const tpm = startedTpm();
    expect(ask(tpm, TPM_CAP.ALGS, 0x1_0044, 1).data).toEqual([
      { alg: TPM_ALG.ECB, algProperties: 0x202 },
    ]);
    expect(ask(tpm, TPM_CAP.ECC_CURVES, 0x1_0003, 1).data).toEqual([TPM_ECC.NIST_P256]);
  });

  it('getCapability() never answers more than the buffer that it announces', () => {
    const tpm = startedTpm();
    for (let capability = 0; capability <= 10; capability++) {
      for (const property of [0, 0x100, 0x200, 0x4000_0001, 0x8000_0000]) {
        const command = new Uint8Array(22);
        const view = new DataView(command.buffer);
        view.setUint16(0, 0x8001);
        view.setUint32(2, 22);
        view.setUint32(6, 0x17a);
        view.setUint32(10, capability);
        view.setUint32(14, property);
        view.setUint32(18, 0xffff_ffff);
        const response = tpm.execute(command, 0);
        expect(response.length - 11).toBeLessThanOrEqual(LIMIT.CAPABILITY_BUFFER);
      }
    }
  });

  it('getCapability() shows attributes of permanent state and of the start', () => {
    const tpm = startedTpm();
    const value = (property: number): number =>
      (ask(tpm, TPM_CAP.TPM_PROPERTIES, property, 1).data[0] as TaggedProperty).value;
    const { permanent, clear, volatile } = tpm.state;
    permanent.owner.authValue = Uint8Array.of(1);
    permanent.lockout.authValue = Uint8Array.of(1);
    permanent.disableClear = true;
    permanent.failedTries = permanent.maxTries;
    expect(value(TPM_PT.PERMANENT)).toBe(0x705);
    expect(value(TPM_PT.LOCKOUT_COUNTER)).toBe(permanent.maxTries);
    expect(value(TPM_PT.STARTUP_CLEAR)).toBe(0x8000_000f);
    clear.shEnable = false;
    volatile.phEnable = false;
    volatile.wasOrderly = false;
    expect(value(TPM_PT.STARTUP_CLEAR)).toBe(0x0000_000c);
    permanent.auditCounter = (5n << 32n) | 7n;
    expect([value(TPM_PT.AUDIT_COUNTER_0), value(TPM_PT.AUDIT_COUNTER_1)]).toEqual([5, 7]);
    expect(permanent.orderly).toBe(ORDERLY.NONE);
  });

  it('getCapability() shows the sequences in transient slots and the slots left', () => {
    const tpm = startedTpm();
    const start = fromHex('80010000000e000001860000000b');
    expect(readUint32(tpm.execute(start, 0), 6)).toBe(TPM_RC.SUCCESS);
    expect(ask(tpm, TPM_CAP.HANDLES, 0x8000_0000).data).toEqual([0x8000_0000]);
    expect(ask(tpm, TPM_CAP.TPM_PROPERTIES, TPM_PT.HR_TRANSIENT_AVAIL, 1).data).toEqual([
      { property: TPM_PT.HR_TRANSIENT_AVAIL, value: tpm.transientSlots - 1 },
    ]);
  });
});

describe('ALGORITHM_PROPERTIES', () => {
  it('ALGORITHM_PROPERTIES has every scheme that a key can have', () => {
    const listed = ALGORITHM_PROPERTIES.map(({ alg }) => alg);
    for (const [type, details] of [
      [TPMT_RSA_SCHEME_OR_NULL, '000b'],
      [TPMT_ECC_SCHEME_OR_NULL, '000b0000'],
      [TPMT_KDF_SCHEME_OR_NULL, '000b'],
    ] as const) {
      for (let id = 0; id < 0x100; id++) {
        if (id === TPM_ALG.NULL) continue;
        const reader = new Unmarshaller(fromHex(`${id.toString(16).padStart(4, '0')}${details}`));
        type.unmarshal(reader);
        if (reader.failure === TPM_RC.SUCCESS) expect(listed).toContain(id);
      }
    }
  });
});

describe('PROPERTY_VALUES', () => {
  it('PROPERTY_VALUES has every property once, in ascending order', () => {
    const numbers = PROPERTY_VALUES.map(([property]) => property);
    expect(numbers).toEqual([...new Set(Object.values(TPM_PT))].sort((a, b) => a - b));
  });
});
