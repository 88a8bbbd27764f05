import { readUint32, TPM_CC } from 'tpm-core';
import { sized, wire } from '../command-catalogue.js';
import type { Dice } from '../dice.js';
import { type ClientSession, type Entity, SESSION, SessionClient } from '../session-client.js';
import { aesCfb, NO_SYMMETRIC, xorWith } from '../session-cryptography.js';

const OWNER: Entity = { handle: 0x4000_0001 };
const HASHES = [0x0004, 0x000b, 0x000c, 0x000d] as const;
const USES = 6;

/**
 * Uses a valid session with valid HMACs for a while, now and then with a broken command. The client
 * checks every HMAC that comes back.
 *
 * @param execute sends a command
 * @returns how often the session was used with success
 * @throws Error when a response isn't what the client computes
 */
export async function fuzzSession(
  dice: Dice,
  execute: (command: Uint8Array) => Uint8Array,
): Promise<number> {
  let isBroken = false;
  const client = new SessionClient((command) => {
    if (isBroken) breakOneByte(dice, command);
    return execute(command);
  });
  const hashAlg = dice.pick(HASHES);
  const session = await client.tryStartAuthSession({
    hashAlg,
    symmetric: dice.pick([NO_SYMMETRIC, aesCfb(128), aesCfb(256), xorWith(hashAlg)]),
    ...(dice.once(2) && { bind: OWNER }),
    nonceSize: dice.pick([16, 20]),
  });
  if (typeof session === 'number') return 0;
  let successes = 0;
  for (let use = 0; use < USES; use++) {
    isBroken = dice.once(3);
    if (!isBroken) {
      if ((await useOnce(dice, client, session)) === 0) successes++;
    } else if (await isUseRefused(dice, client, session)) break;
  }
  isBroken = false;
  await client.flush(session);
  return successes;
}

/** @returns whether client and TPM may know different nonces from now on */
async function isUseRefused(
  dice: Dice,
  client: SessionClient,
  session: ClientSession,
): Promise<boolean> {
  try {
    return (await useOnce(dice, client, session)) === 0;
  } catch {
    // The TPM took the broken command for another one, and answered that.
    return true;
  }
}

async function useOnce(dice: Dice, client: SessionClient, session: ClientSession): Promise<number> {
  const hasCipher = session.symmetric.algorithm !== NO_SYMMETRIC.algorithm;
  const audit = dice.once(2) ? SESSION.audit : 0;
  if (dice.once(2)) {
    const encrypt = hasCipher ? SESSION.encrypt : 0;
    const attributes = SESSION.continue | encrypt | (encrypt === 0 ? SESSION.audit : audit);
    const parameters = wire([16, dice.below(64)]);
    return (
      await client.call({ code: TPM_CC.GetRandom, parameters, sessions: [{ session, attributes }] })
    ).code;
  }
  const decrypt = hasCipher ? SESSION.decrypt : 0;
  const reply = await client.call({
    code: TPM_CC.HierarchyChangeAuth,
    handles: [OWNER],
    parameters: sized(new Uint8Array(0)),
    sessions: [{ session, authorizes: OWNER, attributes: SESSION.continue | decrypt | audit }],
    newAuthValue: new Uint8Array(0),
  });
  return reply.code;
}

function breakOneByte(dice: Dice, command: Uint8Array): void {
  // The size field stays, so that more than the size check is reached.
  const at = dice.once(8) ? dice.below(2) : 6 + dice.below(command.length - 6);
  command[at] = command[at]! ^ (1 << dice.below(8));
  if (readUint32(command, 2) !== command.length) throw new Error('Size field was broken');
}
