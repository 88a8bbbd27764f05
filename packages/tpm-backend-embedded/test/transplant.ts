import { fixtureJson } from '@tpmdev/testing/fixture';
import { fromHex } from '@tpmdev/testing/scripted-backend';
import { objectName } from '../src/objects/object-name.js';
import { ORDERLY, type PersistentObject } from '../src/state/permanent-state.js';
import { TPMS_NV_PUBLIC } from '../src/structures/nv-public.js';
import { TPMT_PUBLIC, TPMT_SENSITIVE } from '../src/structures/public-area.js';
import { Unmarshaller, type WireType } from '../src/structures/wire-type.js';
import type { Tpm } from '../src/tpm.js';
import { freshTpm } from './fresh-tpm.js';
import type { GoldenScenario } from './golden-scenarios.js';

interface Transplant extends GoldenScenario {
  readonly state: {
    readonly seeds: Readonly<Record<'endorsement' | 'storage' | 'platform', string>>;
    readonly proofs: Readonly<Record<'endorsement' | 'storage' | 'platform', string>>;
    readonly lockoutAuth: string;
    readonly totalResetCount: number;
    readonly resetCount: number;
    readonly maxTries: number;
    readonly recoveryTime: number;
    readonly lockoutRecovery: number;
    readonly nvIndexes: readonly {
      readonly public: string;
      readonly auth: string;
      readonly data: string;
    }[];
    readonly persistent: {
      readonly handle: number;
      readonly hierarchy: number;
      readonly public: string;
      readonly sensitive: string;
      readonly qualifiedName: string;
    };
  };
}

/** The recorded conversation with a TPM whose permanent state is known. */
export const TRANSPLANT: Transplant = await fixtureJson<Transplant>(
  new URL('../fixtures/transplant.json.gz', import.meta.url),
);

function unmarshalled<T>(type: WireType<T>, hex: string): T {
  const bytes = fromHex(hex);
  const reader = new Unmarshaller(bytes);
  const value = type.unmarshal(reader);
  if (reader.failure !== 0 || reader.remaining > 0) throw new Error(`Fixture has odd bytes ${hex}`);
  return value;
}

function persistentObject(): PersistentObject {
  const { handle, hierarchy, public: area, sensitive, qualifiedName } = TRANSPLANT.state.persistent;
  const publicArea = unmarshalled(TPMT_PUBLIC, area);
  return {
    handle,
    object: {
      publicArea,
      sensitive: unmarshalled(TPMT_SENSITIVE, sensitive),
      name: objectName(publicArea),
      qualifiedName: fromHex(qualifiedName),
      hierarchy,
      stClear: false,
      external: false,
    },
  };
}

/** @returns a TPM with the recorded TPM's permanent state, as far as this one has such state */
export function transplantedTpm(): Tpm {
  const tpm = freshTpm();
  const { seeds, proofs, lockoutAuth, totalResetCount, nvIndexes, ...counts } = TRANSPLANT.state;
  const { resetCount, maxTries, recoveryTime, lockoutRecovery } = counts;
  const { permanent } = tpm.state;
  Object.assign(permanent, {
    endorsementSeed: fromHex(seeds.endorsement),
    storageSeed: fromHex(seeds.storage),
    platformSeed: fromHex(seeds.platform),
    endorsementProof: fromHex(proofs.endorsement),
    storageProof: fromHex(proofs.storage),
    platformProof: fromHex(proofs.platform),
    totalResetCount: BigInt(totalResetCount),
    resetCount,
    maxTries,
    recoveryTime,
    lockoutRecovery,
    orderly: ORDERLY.CLEAR,
    persistentObjects: [persistentObject()],
    nvIndexes: nvIndexes.map((index) => ({
      publicArea: unmarshalled(TPMS_NV_PUBLIC, index.public),
      authValue: fromHex(index.auth),
      data: fromHex(index.data),
    })),
  });
  permanent.lockout.authValue = fromHex(lockoutAuth);
  return tpm;
}
