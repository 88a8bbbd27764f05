import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { SERVED_BACKENDS } from '../src/tpmdev/served-backends.js';
import { Resources } from './support/resources.js';
import {
  startServe,
  startToolsSwtpm,
  type ToolOutcome,
  type ToolsTpm,
} from './support/tools-tpm.js';

/** Something that may differ between two TPMs without fault. */
interface Difference {
  /** Tools that show it, as their words begin. */
  readonly tool: string;
  /** What is left out of the comparison: replaced by `*` on both sides. */
  readonly pattern: RegExp;
  /** What to put there instead: nothing, where only one of the two lists it at all. */
  readonly replacement?: '';
  readonly reason: string;
}

const KEY = 'primary keys follow from the seeds, and each TPM has made its own';

/** What differs between two fresh TPMs of any make. */
const EVERY_TPM: readonly Difference[] = [
  { tool: 'getrandom', pattern: /(?<=^[0-9a-f]*)[0-9a-f]/g, reason: 'random bytes' },
  { tool: 'createprimary', pattern: /(?<=^(?:rsa|x|y): [0-9a-f]*)[0-9a-f]/gm, reason: KEY },
  { tool: 'readpublic', pattern: /(?<=^(?:rsa|x|y): [0-9a-f]*)[0-9a-f]/gm, reason: KEY },
  {
    tool: 'readpublic',
    pattern: /(?<=^(?:name|qualified name): 000b[0-9a-f]*)[0-9a-f]/gm,
    reason: KEY,
  },
  {
    tool: 'hash',
    pattern: /(?<=^ {2}digest: [0-9a-f]*)[0-9a-f]/gm,
    reason: 'proof values of tickets',
  },
];

/** What differs from swtpm by the back end behind the server. */
const BY_BACKEND: Readonly<Record<string, readonly Difference[]>> = {
  swtpm: [],
  embedded: [
    {
      tool: 'getcap properties-fixed',
      pattern:
        /(?<=^TPM2_PT_(?:MANUFACTURER|VENDOR_STRING_\d|VENDOR_TPM_TYPE|FIRMWARE_VERSION_\d):\n(?: {2}.*\n)*) {2}.*\n/gm,
      reason: 'who made it, and which version',
    },
    {
      tool: 'getcap properties-fixed',
      pattern:
        /(?<=^TPM2_PT_(?:MAX_(?:OBJECT|SESSION)_CONTEXT|(?:TOTAL|LIBRARY)_COMMANDS):\n) {2}.*\n/gm,
      reason: 'contexts have a form of their own, and not all commands are there',
    },
    {
      tool: 'getcap properties-variable',
      pattern: /(?<=^TPM2_PT_LOADED_CURVES: ).*$/gm,
      reason: 'three curves',
    },
    {
      tool: 'getcap ecc-curves',
      pattern: /^TPM2_ECC_(?:NIST_P192|NIST_P224|BN_P256|BN_P638|SM2_P256): .*\n/gm,
      replacement: '',
      reason: 'curves that it does not have',
    },
    {
      tool: 'getcap algorithms',
      pattern: /^(?:tdes|sm2|ecmqv|kdf2|camellia|cmac):\n(?: {2}.*\n)*/gm,
      replacement: '',
      reason: 'algorithms that it does not have',
    },
  ],
};

const DATA = 'abc';
const EXTENSION = `16:sha1=${'11'.repeat(20)},sha256=${'22'.repeat(32)}`;

/** Tools in the order in which they run on both TPMs; `!` marks those that have to fail. */
const STEPS: readonly string[] = [
  '!pcrread',
  '!pcrread sha256:0,16,23+sha384:17',
  'startup -c',
  'startup -c',
  'getcap -l',
  'getcap algorithms',
  'getcap commands',
  'getcap ecc-curves',
  'getcap handles-loaded-session',
  'getcap handles-nv-index',
  'getcap handles-pcr',
  'getcap handles-permanent',
  'getcap handles-persistent',
  'getcap handles-saved-session',
  'getcap handles-transient',
  'getcap pcrs',
  'getcap properties-fixed',
  'getcap properties-variable',
  '!getcap nonsense',
  'pcrread',
  `pcrextend ${EXTENSION}`,
  '!pcrextend 16:sha256=1122',
  'pcrread sha1:16+sha256:16+sha512:16',
  'pcrreset 16 23',
  '!pcrreset 0',
  'pcrread sha1:16+sha256:16',
  'getrandom --hex 32',
  '!getrandom --hex 65',
  'createprimary -C o -c rsa.ctx',
  'createprimary -C e -G ecc -c ecc.ctx',
  'createprimary -C n -g sha256 -G ecc384:aes128cfb -c null.ctx',
  'createprimary -C p -G rsa1024 -c platform.ctx',
  '!createprimary -C o -P wrong -c bad.ctx',
  '!createprimary -C o -G hmac -c bad.ctx',
  'readpublic -c rsa.ctx',
  'readpublic -c ecc.ctx',
  'readpublic -c null.ctx',
  '!readpublic -c 0x81000001',
  '!flushcontext 0x80000000',
  'flushcontext -t',
  'startauthsession -S hmac.ctx --hmac-session',
  'getcap handles-saved-session',
  'flushcontext hmac.ctx',
  '!flushcontext hmac.ctx',
  'startauthsession -S policy.ctx --policy-session -g sha384',
  'flushcontext policy.ctx',
  'startauthsession -S trial.ctx',
  'policypcr -S trial.ctx -l sha256:0,7',
  'policycommandcode -S trial.ctx TPM2_CC_Unseal',
  'policyauthvalue -S trial.ctx',
  'policysecret -S trial.ctx -c o',
  '!policysecret -S trial.ctx -c o wrong',
  'policyrestart -S trial.ctx',
  'policypassword -S trial.ctx',
  'flushcontext trial.ctx',
  'startauthsession -S salted.ctx -c rsa.ctx --hmac-session',
  'flushcontext salted.ctx',
  'getcap handles-saved-session',
  'selftest',
  'selftest -f',
  'hash -C o -g sha256 --hex data',
  'hash -C n -g sha384 -t ticket data',
  '!hash -g md5 data',
  'nvdefine 0x1500000 -C o -s 8 -a ownerread|ownerwrite|authread|authwrite -p index',
  '!nvdefine 0x1500000 -C o -s 8 -a ownerread|ownerwrite',
  'nvreadpublic 0x1500000',
  '!nvread 0x1500000 -C o',
  'nvwrite 0x1500000 -C 0x1500000 -P index -i data',
  'nvread 0x1500000 -C o',
  '!nvread 0x1500000 -C 0x1500000 -P wrong',
  '!nvwrite 0x1500000 -C o --offset 6 -i data',
  'nvdefine 0x1500001 -C o -s 8 -a ownerread|ownerwrite|nt=counter',
  'nvincrement 0x1500001 -C o',
  'nvread 0x1500001 -C o',
  'nvdefine 0x1500002 -C o -s 8 -a ownerread|ownerwrite|nt=bits',
  'nvsetbits 0x1500002 -C o -i 0x81',
  'nvread 0x1500002 -C o',
  'nvdefine 0x1500003 -C o -a ownerread|ownerwrite|nt=extend',
  'nvextend 0x1500003 -C o -i data',
  'nvread 0x1500003 -C o',
  'nvdefine 0x1500004 -C o -s 3 -a ownerread|ownerwrite|write_stclear|read_stclear',
  'nvwrite 0x1500004 -C o -i data',
  'nvwritelock 0x1500004 -C o',
  '!nvwrite 0x1500004 -C o -i data',
  'nvreadlock 0x1500004 -C o',
  '!nvread 0x1500004 -C o',
  'nvreadpublic',
  'getcap handles-nv-index',
  'nvundefine 0x1500000 -C o',
  '!nvundefine 0x1500000 -C o',
  'evictcontrol -C o -c rsa.ctx 0x81000001',
  '!evictcontrol -C o -c rsa.ctx 0x81000001',
  'getcap handles-persistent',
  'readpublic -c 0x81000001',
  'evictcontrol -C o -c 0x81000001',
  'dictionarylockout -s -n 5 -t 10 -l 20',
  'dictionarylockout -c',
  '!dictionarylockout -c -p wrong',
  '!dictionarylockout -c',
  'getcap properties-variable',
  'clear -c p',
  'getcap handles-nv-index',
  'getcap properties-variable',
];

const resources = new Resources();
afterAll(() => resources.release());

/** Takes out what may differ. */
function comparable(step: string, outcome: ToolOutcome, kind: string): ToolOutcome {
  let { output, errors } = outcome;
  for (const difference of [...EVERY_TPM, ...(BY_BACKEND[kind] ?? [])]) {
    const { tool, pattern, replacement = '*' } = difference;
    if (step.startsWith(tool)) output = output.replace(pattern, replacement);
  }
  // Which transport it was.
  errors = errors.replaceAll(/tcti-(?:mssim|swtpm)/g, 'tcti');
  return { code: outcome.code, output, errors };
}

/** Leaves in a list of commands only those that another list has too. */
function commandsInBoth(list: ToolOutcome, other: ToolOutcome): ToolOutcome {
  const output = list.output.replace(/^(\S+:\n)(?: {2}.*\n)*/gm, (block, heading) =>
    other.output.includes(heading) ? block : '',
  );
  return { ...list, output };
}

describe.each(SERVED_BACKENDS.map(({ name }) => name))(
  'tpm2-tools with tpmdev serve --backend %s',
  (kind) => {
    let served: ToolsTpm;
    let straight: ToolsTpm;

    beforeAll(async () => {
      served = (await startServe(resources, ['--backend', kind])).tpm;
      straight = await startToolsSwtpm(resources);
      for (const tpm of [served, straight]) await tpm.writeFile('data', DATA);
    });

    test.each(
      STEPS.map((step, index) => ({
        number: index + 1,
        step: step.replace('!', ''),
        fails: step[0] === '!',
      })),
    )('tpm2_$step (step $number)', async ({ step, fails }) => {
      const words = step.split(' ');
      const [ours, reference] = [await served.runAlone(words), await straight.runAlone(words)];
      // Which commands the embedded TPM has is its own tests' affair; those it has must be alike.
      const isSubset = kind === 'embedded' && step === 'getcap commands';
      const theirs = isSubset ? commandsInBoth(reference, ours) : reference;
      expect(theirs.code !== 0, theirs.errors).toBe(fails);
      expect(comparable(step, ours, kind)).toEqual(comparable(step, theirs, kind));
    });
  },
);
