import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openEmbedded } from 'tpm-backend-embedded';
import { TPM_CC } from 'tpm-core';
import { BareSocket, startBareSwtpm } from './bare-swtpm.ts';
import { browserTimes } from './embedded-browser.ts';
import {
  KEYS,
  keys,
  message,
  repeated,
  type Send,
  SHORT,
  SHORT_COUNT,
  succeed,
} from './embedded-commands.ts';
import { compare, type Figure } from './measure.ts';

/** The TPM in this process beside swtpm over a bare socket. */
export async function embeddedFigures(): Promise<Figure[]> {
  const folder = mkdtempSync(join(tmpdir(), 'tpmdev-bench-'));
  const swtpm = startBareSwtpm(folder);
  const backend = await openEmbedded();
  try {
    const bare = new BareSocket(swtpm.socket);
    await backend.start({ bufferSize: 0 });
    const theirs: Send = (command) => bare.send(command);
    const ours: Send = async (command) =>
      (await backend.execute({ command, locality: 0, responseCapacity: 4096 })).response;
    await succeed(ours, message(TPM_CC.Startup, Uint8Array.of(0, 0)));
    const figures: Figure[] = [];
    const inBrowser = await browserTimes();
    for (const [name, command, aim] of SHORT) {
      const result = await compare(repeated(theirs, command), repeated(ours, command), SHORT_COUNT);
      figures.push(
        { name: `${name}, embedded TPM`, value: result.b * 1e6, unit: 'µs' },
        {
          name: `${name}, swtpm to embedded TPM`,
          value: result.ratio,
          unit: 'times',
          ...(aim !== undefined && { aim }),
        },
        { name: `${name}, Chromium`, value: inBrowser[name]! * 1e6, unit: 'µs' },
        { name: `${name}, swtpm to Chromium`, value: result.a / inBrowser[name]!, unit: 'times' },
      );
    }
    for (const [name, kind, count] of KEYS) {
      const result = await compare(keys(theirs, kind), keys(ours, kind), count);
      figures.push(
        { name: `${name}, embedded TPM`, value: result.b * 1e3, unit: 'ms' },
        { name: `${name}, swtpm`, value: result.a * 1e3, unit: 'ms' },
        { name: `${name}, Chromium`, value: inBrowser[name]! * 1e3, unit: 'ms' },
      );
    }
    return figures;
  } finally {
    await backend.close();
    await swtpm.end();
    rmSync(folder, { recursive: true, force: true });
  }
}
