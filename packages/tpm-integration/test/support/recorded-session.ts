import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** One exchange of a recorded session; bytes are the characters U+0000 to U+00FF. */
export interface RecordedExchange<Received> {
  readonly send: string;
  readonly receive: Received;
}

/** Reads a session from the package's fixtures. */
export function readSession<Received>(file: string): RecordedExchange<Received>[] {
  const path = fileURLToPath(new URL(`../../fixtures/${file}`, import.meta.url));
  return readFileSync(path, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
}

/** @returns a line of QMP without what differs from run to run */
export function withoutTime(line: string): string {
  return line.replace(/"seconds": \d+, "microseconds": \d+/, '"seconds": 0, "microseconds": 0');
}
