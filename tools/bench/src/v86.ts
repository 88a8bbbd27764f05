import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { promisify } from 'node:util';
import { defaultCacheDirectory, prepareGuest } from '@tpmdev/guest';
import type { GuestAccess } from './access-program.ts';
import { type Figure, median } from './measure.ts';
import type { AccessOrder, BootOrder, BootTimes, TpmModel } from './v86-machine.ts';

const run = promisify(execFile);
const PROGRAM = join(import.meta.dirname, 'v86-machine.ts');

/** Runs of each alternative unless `TPMDEV_BENCH_BOOTS` says otherwise. */
const BOOTS = 3;

/** @returns how often each alternative is booted */
function bootCount(): number {
  const text = process.env.TPMDEV_BENCH_BOOTS;
  if (text === undefined) return BOOTS;
  const count = Number(text);
  if (Number.isInteger(count) && count > 0) return count;
  throw new Error(`TPMDEV_BENCH_BOOTS is "${text}"; use a whole number of boots, such as ${BOOTS}`);
}

async function measure<Result>(what: string, order: BootOrder | AccessOrder): Promise<Result> {
  const words = ['--disable-warning=ExperimentalWarning', PROGRAM, what, JSON.stringify(order)];
  const { stdout } = await run(process.execPath, words);
  return JSON.parse(stdout) as Result;
}

async function bootFigures(count: number): Promise<Figure[]> {
  const image = await prepareGuest({ flavour: 'minimal' });
  const models: readonly TpmModel[] = ['none', 'tpm-tis', 'tpm-crb'];
  const rounds: Record<TpmModel, BootTimes>[] = [];
  for (let round = 0; round < count; round++) {
    const times: Partial<Record<TpmModel, BootTimes>> = {};
    for (const model of models) times[model] = await measure('boot', { image, model });
    rounds.push(times as Record<TpmModel, BootTimes>);
  }
  const of = (pick: (times: Record<TpmModel, BootTimes>) => number) => median(rounds.map(pick));
  return [
    { name: 'v86, no TPM: to user space', value: of(({ none }) => none.userSpace), unit: 's' },
    ...(['tpm-tis', 'tpm-crb'] as const).flatMap((model) => [
      {
        name: `v86, ${model}: to user space`,
        value: of((times) => times[model].userSpace),
        unit: 's',
      },
      {
        name: `v86, ${model}: to user space, to no TPM`,
        value: of((times) => times[model].userSpace / times.none.userSpace),
        unit: 'times',
        aim: '≤ 1.03',
      },
      {
        name: `v86, ${model}: to the shell, with the proof`,
        value: of((times) => times[model].shell),
        unit: 's',
      },
    ]),
  ];
}

/** What the TPM adds to the guest's own loop, in nanoseconds. */
async function accessFigures(): Promise<Figure[]> {
  const cost = async (
    name: string,
    model: AccessOrder['model'],
    access: GuestAccess,
    base: GuestAccess,
  ): Promise<Figure> => {
    const pairs: number[] = [];
    for (let round = 0; round < BOOTS; round++) {
      const without = await measure<number>('access', { model, access: base });
      pairs.push((await measure<number>('access', { model, access })) - without);
    }
    return { name: `v86 guest: ${name}`, value: median(pairs), unit: 'ns' };
  };
  return [
    await cost('4-byte read of TIS STS', 'tpm-tis', 'status read', 'memory read'),
    await cost('4-byte read of CRB CTRL_STS', 'tpm-crb', 'status read', 'memory read'),
    await cost('4-byte write of CRB data', 'tpm-crb', 'data write', 'memory write'),
  ];
}

/** Seconds of `npm start`, without a terminal: it ends when the proof is complete. */
async function timeStart(root: string, environment: NodeJS.ProcessEnv): Promise<number> {
  const start = performance.now();
  await run('npm', ['start'], { cwd: root, env: { ...process.env, ...environment } });
  return (performance.now() - start) / 1000;
}

/** Cold: no guest image and no TPM yet, but the packages; the network is used for their list. */
async function startFigures(root: string): Promise<Figure[]> {
  const folder = await mkdtemp(join(tmpdir(), 'tpmdev-bench-'));
  try {
    const cache = join(folder, 'cache');
    await mkdir(cache);
    await cp(join(defaultCacheDirectory(), 'apt'), join(cache, 'apt'), { recursive: true });
    const environment = { TPMDEV_CACHE: cache, XDG_STATE_HOME: join(folder, 'state') };
    const cold = await timeStart(root, environment);
    const warm = await timeStart(root, environment);
    return [
      { name: 'npm start: cold, packages downloaded', value: cold, unit: 's' },
      { name: 'npm start: warm', value: warm, unit: 's' },
    ];
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Linux in v86: boots with and without a TPM, cost of its registers, time of `npm start`. */
export async function v86Figures(root: string): Promise<Figure[]> {
  const count = bootCount();
  return [...(await bootFigures(count)), ...(await accessFigures()), ...(await startFigures(root))];
}
