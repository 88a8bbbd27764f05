import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { TraceLog } from './trace-log.js';

const STARTUP = Uint8Array.from([0x80, 0x01, 0, 0, 0, 12, 0, 0, 0x01, 0x44, 0, 0]);
const SUCCESS = Uint8Array.from([0x80, 0x01, 0, 0, 0, 10, 0, 0, 0, 0]);

function writeEvents(log: TraceLog): void {
  log.write({ type: 'register-read', offset: 0, width: 1, value: 0x81 });
  log.write({ type: 'command', locality: 0, bytes: STARTUP });
  log.write({ type: 'response', locality: 0, bytes: SUCCESS });
  log.write({ type: 'control-request', name: 'CMD_INIT', bytes: Uint8Array.of(0) });
}

const LINES = [
  '> locality 0: TPM2_Startup (TPM_ST_NO_SESSIONS, 12 bytes)',
  '  80010000000c000001440000',
  '< TPM_RC_SUCCESS (TPM_ST_NO_SESSIONS, 10 bytes)',
  '  80010000000a00000000',
  '> control CMD_INIT 00',
];

describe('TraceLog', () => {
  it('TraceLog.write() writes commands and responses decoded, and no register accesses', () => {
    let text = '';
    writeEvents(
      new TraceLog(undefined, (more) => {
        text += more;
      }),
    );
    expect(text.trimEnd().split('\n')).toEqual(LINES);
  });

  it('TraceLog.write() writes to the file that was named', () => {
    const folder = mkdtempSync(join(tmpdir(), 'tpm-v86-trace-'));
    const path = join(folder, 'trace');
    const log = new TraceLog(path, () => {});
    writeEvents(log);
    log.close();
    expect(readFileSync(path, 'utf8').trimEnd().split('\n')).toEqual(LINES);
    rmSync(folder, { recursive: true });
  });

  it('TraceLog names the file that it can not open', () => {
    expect(() => new TraceLog('/nowhere/trace', () => {})).toThrow(/^-D \/nowhere\/trace: ENOENT/);
  });
});
