import { describeCommand, describeResponse, type TraceEvent } from 'tpm-integration/assembly';

function hexadecimal(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/**
 * @param event what happened at the TPM
 * @returns lines for people, each with its end; empty for what they don't need: registers, states
 */
export function traceLines(event: TraceEvent): string {
  switch (event.type) {
    case 'command':
      return `> ${describeCommand(event.bytes, event.locality)}\n  ${hexadecimal(event.bytes)}\n`;
    case 'response':
      return `< ${describeResponse(event.bytes)}\n  ${hexadecimal(event.bytes)}\n`;
    case 'control-request':
      return `> control ${event.name} ${hexadecimal(event.bytes)}`.trimEnd().concat('\n');
    case 'control-response':
      return `< control ${event.name} ${hexadecimal(event.bytes)}`.trimEnd().concat('\n');
    default:
      return '';
  }
}
