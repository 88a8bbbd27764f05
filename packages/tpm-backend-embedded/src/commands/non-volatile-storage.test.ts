import { TPM_CC } from 'tpm-core';
import { describe, expect, it } from 'vitest';
import { ACCESS, INDEX, NvBench, OWNER, PLATFORM } from '../../test/nv-bench.js';
import { powerCycle, uint32 } from '../../test/owned-objects.js';
import { sized } from '../../test/wire-bytes.js';
import { TPMA_NV } from '../structures/nv-public.js';

const RC = {
  ATTRIBUTES: 0x082,
  AUTH_TYPE: 0x124,
  AUTH_UNAVAILABLE: 0x12f,
  BAD_AUTH: 0x9a2,
  RANGE: 0x146,
  LOCKED: 0x148,
  AUTHORIZATION: 0x149,
  UNINITIALIZED: 0x14a,
  SPACE: 0x14b,
  DEFINED: 0x14c,
  UNDEFINED: 0x18b,
  SECOND_UNDEFINED: 0x28b,
  SECOND_ATTRIBUTES: 0x282,
} as const;
const { WRITTEN, WRITELOCKED, READLOCKED, NO_DA, ORDERLY } = TPMA_NV;
const [COUNTER, BITS, EXTEND, PIN_FAIL, PIN_PASS] = [0x10, 0x20, 0x40, 0x80, 0x90] as const;
const PIN = Uint8Array.of(0x70, 0x69, 0x6e);
const WRONG = Uint8Array.of(1);
const DATA = [1, 2, 3, 4, 5, 6, 7, 8] as const;

function counted(value: number): number[] {
  return [0, 0, 0, 0, 0, 0, value >>> 8, value & 0xff];
}

function increment(bench: NvBench, index: number, times = 1): void {
  for (let time = 0; time < times; time++) {
    expect(bench.use(TPM_CC.NV_Increment, index)).toBe(0);
  }
}

describe('NV_DefineSpace', () => {
  it.each([
    ['an authorization value longer than the digest', { auth: new Uint8Array(33).fill(1) }, 0x1d5],
    ['a policy of another size than the digest', { policy: new Uint8Array(20) }, 0x2d5],
    ['no authority to read', { attributes: 0x0000_0006 }, 0x2c2],
    ['no authority to write', { attributes: 0x0006_0000 }, 0x2c2],
    ['the state written', { attributes: ACCESS | WRITTEN }, 0x2c2],
    ['a counter of four bytes', { attributes: ACCESS | COUNTER, size: 4 }, 0x2d5],
    ['an unknown type', { attributes: ACCESS | 0x30 }, 0x2c2],
    ['a PIN that its user may write', { attributes: ACCESS | PIN_PASS }, 0x2c2],
    ['a PIN Fail that counts as an attack', { attributes: 0x0006_0002 | PIN_FAIL }, 0x2c2],
    ['a counter that a start clears', { attributes: ACCESS | COUNTER | 0x0800_0000 }, 0x2c2],
    ['a lock for ever and a start that clears', { attributes: ACCESS | 0x0800_2000 }, 0x2c2],
    [
      'more to write at once than a command has',
      { attributes: ACCESS | 0x1000, size: 1025 },
      0x2d5,
    ],
    ['an index of the platform by the owner', { attributes: ACCESS | 0x4000_0000 }, 0x182],
    ['an index of the owner by the platform', { by: PLATFORM }, 0x182],
    ['deletion by policy by the owner', { attributes: ACCESS | 0x400 }, 0x2c2],
  ])('NV_DefineSpace refuses %s', (_what, definition, code) => {
    const bench = new NvBench();
    expect(bench.define(INDEX, definition)).toBe(code);
    expect(bench.attributes(INDEX)).toBe(RC.UNDEFINED);
  });

  it('NV_DefineSpace refuses what is defined, and what there is no room for', () => {
    const bench = new NvBench();
    expect(bench.define(INDEX)).toBe(0);
    expect(bench.define(INDEX)).toBe(RC.DEFINED);
    let count = 0;
    while (bench.define(INDEX + 1 + count, { size: 2048 }) === 0) count++;
    expect(count).toBe(68);
    expect(bench.define(INDEX + 0x100, { size: 2048 })).toBe(RC.SPACE);
    for (let counter = 0; counter < 8; counter++) {
      expect(bench.define(INDEX + 0x200 + counter, { attributes: ACCESS | COUNTER })).toBe(0);
    }
    expect(bench.undefine(INDEX + 1)).toBe(0);
    expect(bench.define(INDEX + 0x100, { size: 2048 })).toBe(0);
  });

  it('NV_DefineSpace has room for 512 bytes of orderly indexes, 12 of which each needs itself', () => {
    const bench = new NvBench();
    expect(bench.define(INDEX, { attributes: ACCESS | ORDERLY, size: 501 })).toBe(RC.SPACE);
    expect(bench.define(INDEX, { attributes: ACCESS | ORDERLY, size: 500 })).toBe(0);
    expect(bench.define(INDEX + 1, { attributes: ACCESS | ORDERLY, size: 0 })).toBe(RC.SPACE);
  });
});

describe('NV_UndefineSpace', () => {
  it('NV_UndefineSpace lets the owner remove only its own indexes, the platform all', () => {
    const bench = new NvBench();
    bench.define(INDEX, { attributes: ACCESS | 0x4000_0000, by: PLATFORM });
    bench.define(INDEX + 1);
    expect(bench.undefine(INDEX)).toBe(RC.AUTHORIZATION);
    expect(bench.undefine(INDEX + 1, PLATFORM)).toBe(0);
    expect(bench.undefine(INDEX, PLATFORM)).toBe(0);
    expect(bench.undefine(INDEX, PLATFORM)).toBe(RC.SECOND_UNDEFINED);
  });

  it('NV_UndefineSpace refuses what only a policy may delete, and a password is none', () => {
    const bench = new NvBench();
    const policy = new Uint8Array(32);
    bench.define(INDEX, { attributes: ACCESS | 0x4000_0400, by: PLATFORM, policy });
    expect(bench.undefine(INDEX, PLATFORM)).toBe(RC.SECOND_ATTRIBUTES);
    const passwords = [new Uint8Array(0), new Uint8Array(0)];
    const special = TPM_CC.NV_UndefineSpaceSpecial;
    expect(bench.send(special, [INDEX, PLATFORM], undefined, passwords)).toBe(RC.AUTH_TYPE);
  });

  it('TPM2_Clear removes the indexes of the owner and leaves those of the platform', () => {
    const bench = new NvBench();
    bench.define(INDEX);
    bench.define(INDEX + 1, { attributes: ACCESS | 0x4000_0000, by: PLATFORM });
    expect(bench.send(TPM_CC.Clear, [PLATFORM])).toBe(0);
    expect(bench.attributes(INDEX)).toBe(RC.UNDEFINED);
    expect(bench.attributes(INDEX + 1)).toBe((ACCESS | 0x4000_0000) >>> 0);
  });

  it('HierarchyControl hides the indexes of a hierarchy that is off', () => {
    const bench = new NvBench();
    bench.define(INDEX);
    const off = (enable: number) => Uint8Array.of(...uint32(enable), 0);
    bench.send(TPM_CC.HierarchyControl, [PLATFORM], off(OWNER));
    expect(bench.attributes(INDEX)).toBe(RC.UNDEFINED);
    bench.define(INDEX + 1, { attributes: ACCESS | 0x4000_0000, by: PLATFORM });
    bench.send(TPM_CC.HierarchyControl, [PLATFORM], off(0x4000_000d));
    expect(bench.attributes(INDEX + 1)).toBe(RC.UNDEFINED);
    expect(bench.define(INDEX + 2, { attributes: ACCESS | 0x4000_0000, by: PLATFORM })).toBe(0x185);
  });
});

describe('NV_Write and NV_Read', () => {
  it('NV_Read refuses before the first write, which leaves 0xff where it does not write', () => {
    const bench = new NvBench();
    bench.define(INDEX);
    expect(bench.read(INDEX)).toBe(RC.UNINITIALIZED);
    expect(bench.write(INDEX, [1, 2], 4)).toBe(0);
    expect(bench.read(INDEX)).toEqual([255, 255, 255, 255, 1, 2, 255, 255]);
    expect(bench.attributes(INDEX)).toBe(ACCESS | WRITTEN);
  });

  it('NV_Write and NV_Read refuse what lies outside', () => {
    const bench = new NvBench();
    bench.define(INDEX);
    expect(bench.write(INDEX, DATA, 1)).toBe(RC.RANGE);
    expect(bench.write(INDEX, [], 9)).toBe(0x2c4);
    expect(bench.write(INDEX, DATA)).toBe(0);
    expect(bench.read(INDEX, 8, 1)).toBe(RC.RANGE);
    expect(bench.read(INDEX, 0, 9)).toBe(0x2c4);
    expect(bench.read(INDEX, 1025, 0)).toBe(0x1c4);
    expect(bench.read(INDEX, 0, 8)).toEqual([]);
  });

  it('NV_Write writes all or nothing of an index with WRITEALL', () => {
    const bench = new NvBench();
    bench.define(INDEX, { attributes: ACCESS | 0x1000 });
    expect(bench.write(INDEX, [1, 2])).toBe(RC.RANGE);
    expect(bench.write(INDEX, DATA)).toBe(0);
  });

  it('NV_Write and NV_Read ask for the authority that the attributes name', () => {
    const bench = new NvBench();
    bench.define(INDEX, { attributes: 0x0004_0002 });
    expect(bench.write(INDEX, DATA)).toBe(RC.AUTH_UNAVAILABLE);
    expect(bench.write(INDEX, DATA, 0, { by: PLATFORM })).toBe(RC.AUTHORIZATION);
    expect(bench.write(INDEX, DATA, 0, { by: OWNER })).toBe(0);
    expect(bench.read(INDEX, 8, 0, { by: OWNER })).toBe(RC.AUTHORIZATION);
    expect(bench.read(INDEX)).toEqual(DATA);
    bench.define(INDEX + 1);
    expect(bench.read(INDEX, 8, 0, { by: INDEX + 1 })).toBe(RC.AUTHORIZATION);
  });

  it('NV_Write refuses what has commands of its own', () => {
    const bench = new NvBench();
    for (const [at, type] of [COUNTER, BITS, EXTEND].entries()) {
      const size = type === EXTEND ? 32 : 8;
      expect(bench.define(INDEX + at, { attributes: ACCESS | type, size })).toBe(0);
      expect(bench.write(INDEX + at, [1])).toBe(RC.ATTRIBUTES);
    }
    expect(bench.use(TPM_CC.NV_Increment, INDEX + 1)).toBe(RC.SECOND_ATTRIBUTES);
  });
});

describe('NV_Increment', () => {
  it('NV_Increment begins above every counter that was deleted, also by TPM2_Clear', () => {
    const bench = new NvBench();
    const attributes = ACCESS | COUNTER;
    bench.define(INDEX, { attributes });
    increment(bench, INDEX, 5);
    bench.undefine(INDEX);
    bench.define(INDEX, { attributes });
    increment(bench, INDEX);
    expect(bench.read(INDEX)).toEqual(counted(6));
    bench.send(TPM_CC.Clear, [PLATFORM]);
    bench.define(INDEX, { attributes });
    increment(bench, INDEX);
    expect(bench.read(INDEX)).toEqual(counted(7));
  });

  it('NV_Increment of an orderly counter never shows a value twice, however the TPM stops', () => {
    const bench = new NvBench();
    bench.define(INDEX, { attributes: ACCESS | COUNTER | ORDERLY });
    increment(bench, INDEX, 300);
    powerCycle(bench.tpm, 'reset');
    increment(bench, INDEX);
    expect(bench.read(INDEX)).toEqual(counted(301));
    powerCycle(bench.tpm, 'disorderly');
    expect(bench.read(INDEX)).toEqual(counted(0x1ff));
    increment(bench, INDEX);
    expect(bench.read(INDEX)).toEqual(counted(0x200));
  });

  it('NV_Increment begins above what an orderly counter showed after a stop without Shutdown', () => {
    const bench = new NvBench();
    bench.define(INDEX, { attributes: ACCESS | COUNTER | ORDERLY });
    increment(bench, INDEX);
    powerCycle(bench.tpm, 'disorderly');
    expect(bench.read(INDEX)).toEqual(counted(0xff));
    bench.send(TPM_CC.Clear, [PLATFORM]);
    bench.define(INDEX, { attributes: ACCESS | COUNTER });
    increment(bench, INDEX);
    expect(bench.read(INDEX)).toEqual(counted(0x100));
  });

  it('NV_Increment has an orderly counter stored first and at every 256th value', () => {
    const bench = new NvBench();
    bench.define(INDEX, { attributes: ACCESS | COUNTER | ORDERLY | NO_DA });
    const stored: number[] = [];
    for (let value = 1; value <= 600; value++) {
      bench.tpm.permanentChanged = false;
      increment(bench, INDEX);
      if (bench.tpm.permanentChanged) stored.push(value);
    }
    expect(stored).toEqual([1, 256, 512]);
  });
});

describe('locks', () => {
  it.each([
    ['WRITE_STCLEAR', 0x4000, [WRITELOCKED, WRITELOCKED, 0]],
    ['WRITEDEFINE', 0x2000, [WRITELOCKED, WRITELOCKED, WRITELOCKED]],
  ] as const)('NV_WriteLock with %s ends as the attribute says', (_name, attribute, expected) => {
    const bench = new NvBench();
    bench.define(INDEX, { attributes: ACCESS | attribute });
    bench.write(INDEX, DATA);
    expect(bench.use(TPM_CC.NV_WriteLock, INDEX)).toBe(0);
    expect(bench.write(INDEX, DATA)).toBe(RC.LOCKED);
    expect(bench.use(TPM_CC.NV_WriteLock, INDEX, undefined, { by: PLATFORM })).toBe(0);
    const states = [bench.attributes(INDEX) & WRITELOCKED];
    for (const kind of ['resume', 'restart'] as const) {
      powerCycle(bench.tpm, kind);
      states.push(bench.attributes(INDEX) & WRITELOCKED);
    }
    expect(states).toEqual(expected);
  });

  it('NV_ReadLock lasts until Startup(CLEAR), and needs READ_STCLEAR', () => {
    const bench = new NvBench();
    bench.define(INDEX, { attributes: ACCESS + 0x8000_0000 });
    bench.define(INDEX + 1);
    bench.write(INDEX, DATA);
    expect(bench.use(TPM_CC.NV_ReadLock, INDEX + 1)).toBe(RC.SECOND_ATTRIBUTES);
    expect(bench.use(TPM_CC.NV_ReadLock, INDEX)).toBe(0);
    expect(bench.read(INDEX)).toBe(RC.LOCKED);
    powerCycle(bench.tpm, 'resume');
    expect(bench.attributes(INDEX) & READLOCKED).toBe(READLOCKED);
    powerCycle(bench.tpm, 'reset');
    expect(bench.read(INDEX)).toEqual(DATA);
  });

  it('NV_GlobalWriteLock locks what has GLOBALLOCK, of both hierarchies', () => {
    const bench = new NvBench();
    bench.define(INDEX, { attributes: ACCESS | 0x8000 });
    bench.define(INDEX + 1, { attributes: ACCESS | 0x4000_8000, by: PLATFORM });
    bench.define(INDEX + 2);
    expect(bench.send(TPM_CC.NV_GlobalWriteLock, [OWNER])).toBe(0);
    expect([0, 1, 2].map((at) => bench.write(INDEX + at, [1]))).toEqual([RC.LOCKED, RC.LOCKED, 0]);
  });
});

describe('starts', () => {
  it.each([
    ['an ordinary index', 0, ['data', 'data', 'data', 'data']],
    ['CLEAR_STCLEAR', 0x0800_0000, ['data', 'none', 'none', 'none']],
    ['ORDERLY', ORDERLY, ['data', 'data', 'none', 'none']],
  ] as const)('Startup keeps of %s what the attribute says', (_name, attribute, expected) => {
    const kept = (['resume', 'restart', 'reset', 'disorderly'] as const).map((kind) => {
      const bench = new NvBench();
      bench.define(INDEX, { attributes: ACCESS | attribute });
      bench.write(INDEX, DATA);
      powerCycle(bench.tpm, kind);
      const data = bench.read(INDEX);
      return data === RC.UNINITIALIZED ? 'none' : data.toString() === `${DATA}` ? 'data' : data;
    });
    expect(kept).toEqual(expected);
  });

  it('NV_Write of an orderly index undoes a Shutdown, of another it does not', () => {
    for (const [attribute, code] of [
      [ORDERLY, 0x1c4],
      [0, 0],
    ] as const) {
      const bench = new NvBench();
      bench.define(INDEX, { attributes: ACCESS | attribute | NO_DA });
      bench.tpm.execute(Uint8Array.of(0x80, 1, 0, 0, 0, 12, 0, 0, 1, 0x45, 0, 1), 0);
      bench.write(INDEX, DATA);
      bench.tpm.initialize();
      const startup = Uint8Array.of(0x80, 1, 0, 0, 0, 12, 0, 0, 1, 0x44, 0, 1);
      expect(new DataView(bench.tpm.execute(startup, 0).buffer).getUint32(6)).toBe(code);
    }
  });
});

describe('PIN indexes', () => {
  function pinBench(type: number): NvBench {
    const bench = new NvBench();
    const attributes = 0x0006_0002 | NO_DA | type;
    expect(bench.define(INDEX, { attributes, auth: PIN })).toBe(0);
    expect(bench.read(INDEX, 8, 0, { password: PIN })).toBe(RC.AUTH_UNAVAILABLE);
    expect(bench.write(INDEX, [0, 0, 0, 0, 0, 0, 0, 2], 0, { by: OWNER })).toBe(0);
    return bench;
  }
  const count = (bench: NvBench) => (bench.read(INDEX, 4, 0, { by: OWNER }) as number[])[3];
  const attempt = (bench: NvBench, password: Uint8Array) => bench.read(INDEX, 1, 0, { password });

  it('a PIN Fail index counts wrong PINs since the last right one, up to its limit', () => {
    const bench = pinBench(PIN_FAIL);
    expect(attempt(bench, WRONG)).toBe(RC.BAD_AUTH);
    expect(count(bench)).toBe(1);
    expect(attempt(bench, PIN)).toEqual([0]);
    expect(count(bench)).toBe(0);
    expect([attempt(bench, WRONG), attempt(bench, WRONG)]).toEqual([RC.BAD_AUTH, RC.BAD_AUTH]);
    expect(attempt(bench, PIN)).toBe(RC.AUTH_UNAVAILABLE);
  });

  it('a PIN Pass index counts right PINs, up to its limit', () => {
    const bench = pinBench(PIN_PASS);
    expect(attempt(bench, WRONG)).toBe(RC.BAD_AUTH);
    expect(count(bench)).toBe(0);
    expect([attempt(bench, PIN), attempt(bench, PIN)]).toEqual([[0], [0]]);
    expect(attempt(bench, PIN)).toBe(RC.AUTH_UNAVAILABLE);
    expect(count(bench)).toBe(2);
  });
});

describe('NV_ChangeAuth', () => {
  it('NV_ChangeAuth takes no password: it is the administration of the index', () => {
    const bench = new NvBench();
    bench.define(INDEX);
    expect(bench.send(TPM_CC.NV_ChangeAuth, [INDEX], sized(PIN))).toBe(RC.AUTH_TYPE);
  });
});
