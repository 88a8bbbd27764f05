import { describeStateStore } from '@tpmdev/testing/state-store-contract';
import { expect, it } from 'vitest';
import { memoryStore } from './memory-store.js';

describeStateStore('memoryStore()', async () => memoryStore());

it('memoryStore() starts with a copy of the initial state', async () => {
  const initial = Uint8Array.of(1, 2);
  const store = memoryStore(initial);
  initial.fill(0);
  expect(await store.read()).toEqual(Uint8Array.of(1, 2));
});
