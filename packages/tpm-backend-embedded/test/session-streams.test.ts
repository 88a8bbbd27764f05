import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fromHex } from '@tpmdev/testing/scripted-backend';
import fc from 'fast-check';
import { launchSwtpm } from 'tpm-backend-swtpm';
import { readUint32, TPM_CC } from 'tpm-core';
import { describe, expect, it } from 'vitest';
import { LOCKOUT, OWNER, PLATFORM } from './session-cases.js';
import {
  type ClientSession,
  type Entity,
  SESSION,
  SessionClient,
  type Use,
} from './session-client.js';
import { aesCfb, NO_SYMMETRIC, sized, xorWith } from './session-cryptography.js';
import { sessionTpm } from './session-tpm.js';

// Random uses of random sessions, right and wrong, one after the other: the embedded TPM and swtpm
// give the same response codes, session attributes and counts of failed tries all the way.

const EMPTY = new Uint8Array(0);
const WRONG = Uint8Array.of(9);
const SLOTS = 3;
const STREAMS = Number(process.env.TPMDEV_STREAMS ?? 40);

interface SessionStep {
  readonly step: 'start';
  readonly slot: number;
  readonly type: number;
  readonly hashAlg: number;
  readonly symmetric: number;
  readonly bind: number;
}
interface CallStep {
  readonly step: 'call';
  readonly call: number;
  /** Different sessions with purposes that the command allows and the right secrets. */
  readonly isSound: boolean;
  readonly uses: readonly {
    /** 3: a password session. */
    readonly slot: number;
    readonly attributes: number;
    readonly secret: 'right' | 'wrong' | 'empty';
    readonly nonceSize: number | undefined;
  }[];
}
type Step = SessionStep | CallStep | { readonly step: 'clear' };

const BINDINGS: readonly (Entity | undefined)[] = [undefined, OWNER, LOCKOUT];
const SYMMETRIC = [NO_SYMMETRIC, aesCfb(128), aesCfb(256), xorWith(0x000b)];
const AUDIT = SESSION.audit | SESSION.auditReset;
const DECRYPT = AUDIT | SESSION.decrypt;
const CALLS: readonly {
  readonly code: number;
  readonly entity?: Entity;
  readonly parameters: Uint8Array;
  /** Attributes that the command allows besides continueSession. */
  readonly purposes: number;
}[] = [
  { code: TPM_CC.GetRandom, parameters: Uint8Array.of(0, 8), purposes: AUDIT | SESSION.encrypt },
  { code: TPM_CC.StirRandom, parameters: sized(Uint8Array.of(1, 2)), purposes: DECRYPT },
  { code: TPM_CC.HierarchyChangeAuth, entity: OWNER, parameters: sized(EMPTY), purposes: DECRYPT },
  {
    code: TPM_CC.HierarchyChangeAuth,
    entity: LOCKOUT,
    parameters: sized(EMPTY),
    purposes: DECRYPT,
  },
  { code: TPM_CC.ClearControl, entity: PLATFORM, parameters: Uint8Array.of(0), purposes: AUDIT },
];

const start: fc.Arbitrary<Step> = fc.record({
  step: fc.constant('start' as const),
  slot: fc.nat(SLOTS - 1),
  type: fc.constantFrom(0, 0, 0, 1, 3),
  hashAlg: fc.constantFrom(0x0004, 0x000b, 0x000c, 0x000d),
  symmetric: fc.nat(SYMMETRIC.length - 1),
  bind: fc.nat(BINDINGS.length - 1),
});
const call: fc.Arbitrary<Step> = fc.record({
  step: fc.constant('call' as const),
  call: fc.nat(CALLS.length - 1),
  isSound: fc.boolean(),
  uses: fc.array(
    fc.record({
      slot: fc.nat(SLOTS),
      attributes: fc.oneof(
        {
          weight: 9,
          arbitrary: fc.constantFrom(0x01, 0x01, 0x21, 0x41, 0x61, 0x81, 0x83, 0x85, 0xc1, 0x80, 0),
        },
        { weight: 1, arbitrary: fc.nat(255) },
      ),
      secret: fc.constantFrom(
        'right' as const,
        'right',
        'right',
        'right',
        'right',
        'right',
        'wrong',
        'empty',
      ),
      nonceSize: fc.option(fc.nat(64), { freq: 12, nil: undefined }),
    }),
    { maxLength: 3 },
  ),
});
const steps = fc.array(
  fc.oneof(
    { weight: 20, arbitrary: call },
    { weight: 4, arbitrary: start },
    { weight: 1, arbitrary: fc.constant<Step>({ step: 'clear' }) },
  ),
  { minLength: 60, maxLength: 60, size: 'max' },
);

/** A caller with up to three sessions. */
class Caller {
  readonly #client: SessionClient;
  readonly #sessions = new Map<number, ClientSession>();

  constructor(client: SessionClient) {
    this.#client = client;
  }

  /** @returns what the TPM answered, for comparison */
  async run(step: Step): Promise<string> {
    if (step.step === 'start') return this.#start(step);
    if (step.step === 'clear') {
      const sessions = [{ authorizes: PLATFORM }];
      const reply = await this.#client.call({ code: TPM_CC.Clear, handles: [PLATFORM], sessions });
      return `0x${reply.code.toString(16)}`;
    }
    const answer = await this.#call(step);
    const property = Uint8Array.of(0, 0, 0, 6, 0, 0, 2, 0x0e, 0, 0, 0, 1);
    const tries = await this.#client.call({ code: TPM_CC.GetCapability, parameters: property });
    return `${answer}, tries ${tries.parameters.at(-1)}`;
  }

  /** Ends all sessions. */
  async end(): Promise<void> {
    for (const session of this.#sessions.values()) await this.#client.flush(session);
    this.#sessions.clear();
  }

  async #start({ slot, type, hashAlg, symmetric, bind }: SessionStep): Promise<string> {
    const old = this.#sessions.get(slot);
    if (old !== undefined) await this.#client.flush(old);
    const entity = BINDINGS[bind];
    const session = await this.#client.startAuthSession({
      type,
      hashAlg,
      symmetric: SYMMETRIC[symmetric]!,
      ...(entity && { bind: entity }),
    });
    this.#sessions.set(slot, session);
    return `session 0x${session.handle.toString(16)}`;
  }

  async #call({ call: index, isSound, uses: drawn }: CallStep): Promise<string> {
    const { code, entity, parameters, purposes } = CALLS[index]!;
    const first = drawn[0]?.slot ?? 0;
    const uses = isSound
      ? drawn.map((use, position) => ({
          slot: (first + position) % SLOTS,
          attributes: use.attributes & (purposes | SESSION.continue),
          secret: 'right',
          nonceSize: undefined,
        }))
      : drawn;
    const sessions = uses.map(({ slot, attributes, secret, nonceSize }, position): Use => {
      const session = this.#sessions.get(slot);
      return {
        attributes,
        ...(session && { session }),
        ...(position === 0 && entity && { authorizes: entity }),
        ...(secret !== 'right' && { hmac: secret === 'wrong' ? WRONG : EMPTY }),
        ...(nonceSize !== undefined && { nonce: new Uint8Array(nonceSize) }),
      };
    });
    const handles = entity === undefined ? [] : [entity];
    const reply = await this.#client.call({ code, handles, parameters, sessions });
    if (reply.code === 0) {
      for (const { slot, attributes } of uses) {
        if ((attributes & SESSION.continue) === 0) this.#sessions.delete(slot);
      }
    }
    return `0x${reply.code.toString(16)} ${reply.attributes.join()}`;
  }
}

describe('sessions at random', () => {
  it('Tpm.execute() answers as swtpm does, and every HMAC of both is right', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'tpmdev-streams-'));
    const swtpm = await launchSwtpm({ stateDirectory: directory, tpmVersion: '2.0' });
    await swtpm.start({ bufferSize: 0 });
    const transport = async (command: Uint8Array): Promise<Uint8Array> => {
      for (;;) {
        const request = { command: command.slice(), locality: 0, responseCapacity: 4096 } as const;
        const { response } = await swtpm.execute(request);
        if (readUint32(response, 6) !== 0x922) return response;
      }
    };
    await transport(fromHex('80010000000c000001440000'));
    const theirs = new Caller(new SessionClient(transport));
    const ours = new Caller((await sessionTpm()).client);
    const seed = Number(process.env.TPMDEV_SEED ?? Date.now() & 0x7fff_ffff);
    console.log(`TPMDEV_SEED=${seed}`);
    try {
      await fc.assert(
        fc.asyncProperty(steps, async (stream) => {
          const clear: Step = { step: 'clear' };
          for (const step of [clear, ...stream]) {
            expect(await ours.run(step)).toBe(await theirs.run(step));
          }
          await Promise.all([ours.end(), theirs.end()]);
        }),
        { seed, numRuns: STREAMS, endOnFailure: true },
      );
    } finally {
      await swtpm.close();
      await rm(directory, { recursive: true });
    }
  });
});
