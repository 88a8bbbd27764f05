import { describe, expect, it } from 'vitest';
import type { CommandName } from '../src/commands/command.js';
import { TPM_ALG } from '../src/structures/algorithm-ids.js';
import { NO_SCHEME, type Scheme } from '../src/structures/algorithms.js';
import { assemble, catalogueCommand } from './command-catalogue.js';
import { mutatedCommand, STARTUP, type StreamStep } from './command-streams.js';
import { Dice } from './dice.js';
import { compareStream, reportOf } from './differential.js';
import { type KeyOptions, type KeyType, loadCommand } from './loaded-key.js';
import { SIGNING_MAKERS } from './signing-catalogue.js';

const SEED = Number(process.env.TPMDEV_SEED ?? Date.now() & 0x7fff_ffff);
const COMMANDS = Number(process.env.TPMDEV_COMMANDS ?? 6000);
const STREAM_LENGTH = 200;
const NAMES = Object.keys(SIGNING_MAKERS) as CommandName[];
const HASHES = [TPM_ALG.SHA1, TPM_ALG.SHA256, TPM_ALG.SHA384, TPM_ALG.SHA512] as const;
const SCHEMES: Readonly<Record<KeyType, readonly number[]>> = {
  rsa: [TPM_ALG.RSASSA, TPM_ALG.RSAPSS, TPM_ALG.OAEP, TPM_ALG.RSAES],
  ecc: [TPM_ALG.ECDSA, TPM_ALG.ECDAA, TPM_ALG.ECSCHNORR, TPM_ALG.ECDH],
  hmac: [TPM_ALG.HMAC],
  aes: [TPM_ALG.NULL],
};
const MODES = [TPM_ALG.CTR, TPM_ALG.OFB, TPM_ALG.CBC, TPM_ALG.CFB, TPM_ALG.ECB] as const;

function scheme(dice: Dice, type: KeyType): Partial<Scheme> {
  if (type !== 'hmac' && dice.once(2)) return NO_SCHEME;
  const chosen = dice.pick(SCHEMES[type]);
  const isPlain = chosen === TPM_ALG.RSAES || chosen === TPM_ALG.NULL;
  return { scheme: chosen, hashAlg: isPlain ? TPM_ALG.NULL : dice.pick(HASHES) };
}

/** A key of any kind, some of which are refused. */
function loadKey(dice: Dice): Uint8Array {
  const type = dice.pick(['rsa', 'ecc', 'hmac', 'aes'] as const);
  const usage = dice.pick([['sign'], ['decrypt'], ['sign', 'decrypt']] as const);
  const options: KeyOptions = {
    attributes: dice.once(8) ? [...usage, 'x509sign'] : usage,
    scheme: scheme(dice, type),
    mode: dice.once(2) ? TPM_ALG.NULL : dice.pick(MODES),
    isPublic: dice.once(5),
    nameAlg: dice.once(5) ? TPM_ALG.NULL : TPM_ALG.SHA256,
    ...(dice.once(10) && { point: { x: dice.bytes(32), y: dice.bytes(dice.pick([0, 32])) } }),
  };
  return loadCommand(type, options);
}

/** Commands with keys that come and go. */
function signingStream(dice: Dice): StreamStep[] {
  const steps: StreamStep[] = [{ type: 'init' }, STARTUP];
  const send = (bytes: Uint8Array) => steps.push({ type: 'command', bytes, locality: 0 });
  while (steps.length < STREAM_LENGTH) {
    if (dice.once(5)) send(loadKey(dice));
    if (dice.once(12)) send(assemble(catalogueCommand(dice, 'CreatePrimary')));
    if (dice.once(20)) send(assemble(catalogueCommand(dice, 'HashSequenceStart')));
    if (dice.once(40)) send(assemble(catalogueCommand(dice, 'StartAuthSession')));
    if (dice.once(3)) send(assemble(catalogueCommand(dice, 'FlushContext')));
    const name = dice.pick(NAMES);
    if (dice.once(4)) send(mutatedCommand(dice, name));
    else send(assemble(catalogueCommand(dice, name)));
  }
  return steps;
}

describe('signing and cryptographic commands beside swtpm', () => {
  it('Tpm.execute() answers them, sound and mutated, with any key as swtpm does', async () => {
    console.info(`signing-streams.test.ts: TPMDEV_SEED=${SEED} TPMDEV_COMMANDS=${COMMANDS}`);
    const reports: string[] = [];
    const reviewed = new Map<string, number>();
    let [compared, accepted] = [0, 0];
    for (let index = 0; index < COMMANDS / STREAM_LENGTH && reports.length < 3; index++) {
      const stream = signingStream(new Dice(SEED + index));
      const comparison = await compareStream(stream);
      compared += comparison.compared;
      accepted += comparison.accepted;
      for (const [name, count] of comparison.reviewed) {
        reviewed.set(name, (reviewed.get(name) ?? 0) + count);
      }
      const { difference } = comparison;
      if (difference !== undefined) reports.push(await reportOf(stream, difference));
    }
    const list = [...reviewed].map(([name, count]) => `${name} ${count}`).join(', ');
    console.info(
      `signing: ${compared} commands compared with swtpm, ${accepted} accepted; ` +
        `reviewed differences: ${list || 'none'}`,
    );
    expect(reports.join('\n\n')).toBe('');
  }, 600_000);
});
