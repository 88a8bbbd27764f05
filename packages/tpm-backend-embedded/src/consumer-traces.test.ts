import { describe, expect, it } from 'vitest';
import { TRACES, type Trace, type TraceOutcome, TracePlayer } from '../test/consumer-traces.js';
import { SessionTracePlayer } from '../test/session-trace.js';

/** Traces whose commands have HMAC sessions. */
const WITH_SESSIONS: readonly string[] = ['linux612hmac-tis', 'systemd252'];

/** Persistent storage keys that recorded TPMs had, by the trace. */
const STORAGE_KEYS: Readonly<Record<string, number>> = { 'linux612hmac-tis': 0x8100_0001 };

async function played(trace: Trace): Promise<TraceOutcome> {
  const player = await TracePlayer.open(trace);
  const sessions = WITH_SESSIONS.includes(trace.name) ? new SessionTracePlayer(player) : undefined;
  let storageKey = STORAGE_KEYS[trace.name];
  for (const step of trace.steps) {
    if (await player.control(step)) continue;
    if (sessions === undefined) await player.replay(step);
    else await sessions.play(step);
    if (step.command === 'Startup' && storageKey !== undefined) {
      await sessions?.provision(storageKey);
      storageKey = undefined;
    }
  }
  await player.close();
  return player.outcome;
}

const outcomes = new Map<Trace, TraceOutcome>();
for (const trace of TRACES) {
  const outcome = await played(trace);
  outcomes.set(trace, outcome);
  const absent = [...outcome.absent].map(([name, count]) => `${name} ${count}`).join(', ');
  console.info(
    `${trace.name}: ${outcome.equal} commands as recorded; absent: ${absent || 'none'}` +
      `; depend on them: ${outcome.dependent}`,
  );
}

/** Traces whose commands all have to be answered as recorded. */
const COMPLETE: readonly string[] = [
  'seabios-tis',
  'seabios-crb',
  'ovmf-tis',
  'ovmf-crb',
  'aavmf',
  'linux61-tis',
  'linux612-tis',
  'linux612-crb',
  'linux612hmac-tis',
  'systemd252',
];

describe('EmbeddedBackend.execute()', () => {
  it.each([...outcomes].map(([trace, outcome]) => [trace.name, outcome] as const))(
    'EmbeddedBackend.execute() answers what %s sends as swtpm did',
    (name, { problems, equal, absent, dependent }) => {
      expect(problems).toEqual([]);
      expect(equal).toBeGreaterThan(0);
      if (COMPLETE.includes(name)) expect([[...absent.keys()], dependent]).toEqual([[], 0]);
    },
  );
});

describe('TracePlayer', () => {
  it.each([
    ['ovmf-tis', 'PCR_Read'],
    ['linux612hmac-tis', 'PCR_Read'],
    ['linux612hmac-tis', 'StartAuthSession'],
  ])('TracePlayer notices one changed byte in what %s got for %s', async (name, command) => {
    const trace = TRACES.find((one) => one.name === name)!;
    const at = trace.steps.findIndex((step) => step.command === command);
    const steps = trace.steps.map((step, index) =>
      index === at ? { ...step, recv: step.recv.replace(/^(.{18})../, '$101') } : step,
    );
    const { problems } = await played({ ...trace, steps });
    expect(problems).toHaveLength(1);
    expect(problems[0]).toContain(command);
  });
});
