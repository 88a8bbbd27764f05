import { fixtureJson } from '@tpmdev/testing/fixture';
import { describe, expect, it } from 'vitest';
import { COMMAND_TABLE, findCommand, IMPLEMENTED_COMMANDS } from './command-table.js';

interface Capabilities {
  readonly commands: readonly { readonly code: number; readonly attributes: number }[];
}
const golden = await fixtureJson<Capabilities>(
  new URL('../../fixtures/capabilities.json.gz', import.meta.url),
);

describe('COMMAND_TABLE', () => {
  it('COMMAND_TABLE has the 110 commands of the library with the attributes it reports', () => {
    expect(COMMAND_TABLE.map(({ code, attributes }) => ({ code, attributes }))).toEqual(
      golden.commands.map(({ code, attributes }) => ({ code, attributes })),
    );
  });

  it('findCommand() finds the commands that are there and no other', () => {
    for (const command of COMMAND_TABLE) {
      expect(findCommand(command.code)).toBe(
        IMPLEMENTED_COMMANDS.includes(command) ? command : undefined,
      );
    }
    expect(findCommand(0x1ff)).toBeUndefined();
  });
});
