// A process to be killed: writes numbered states to a file store, each one number higher, and tells
// the number when `write` has resolved. The first line is `begin`. Arguments: URL of the module that exports `fileStore`, and
// the directory.

import { writeSync } from 'node:fs';
import { numberedState, numberOfState } from './numbered-state.ts';

interface Store {
  read(): Promise<Uint8Array | undefined>;
  write(state: Uint8Array): Promise<void>;
}

const [moduleUrl = '', directory = ''] = process.argv.slice(2);
const { fileStore } = (await import(moduleUrl)) as {
  fileStore(directory: string): Promise<Store>;
};
writeSync(1, 'begin\n');
const store = await fileStore(directory);
for (let number = numberOfState(await store.read()) + 1; ; number++) {
  await store.write(numberedState(number));
  // Synchronous: an acknowledgement must not wait in this process, where the kill would take it.
  writeSync(1, `${number}\n`);
}
