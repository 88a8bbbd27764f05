import { loadV86 } from './emulator.js';
import type { V86Environment } from './environment.js';

/** @returns the environment of a program of that name: its own streams, and v86 as installed */
export function processEnvironment(program: string): V86Environment {
  return {
    input: process.stdin,
    output: process.stdout,
    report: (message) => void process.stderr.write(`${program}: ${message}\n`),
    diagnose: (text) => void process.stderr.write(text),
    createEmulator: loadV86,
  };
}
