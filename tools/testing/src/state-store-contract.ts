import { describe, expect, it } from 'vitest';

/** The part of a state store that its contract is about. */
export interface StoreUnderTest {
  read(): Promise<Uint8Array | undefined>;
  write(state: Uint8Array): Promise<void>;
  close(): Promise<void>;
}

/**
 * The tests that every state store passes.
 *
 * @param name of the function that opens it
 * @param open opens a store at a place of its own, with no state yet
 */
export function describeStateStore(name: string, open: () => Promise<StoreUnderTest>): void {
  describe(`${name} as a state store`, () => {
    it('read() gives undefined before the first write', async () => {
      const store = await open();
      expect(await store.read()).toBeUndefined();
      await store.close();
    });

    it.each([0, 1, 4096, 100_000])('read() gives the state of %d bytes back', async (length) => {
      const store = await open();
      const state = Uint8Array.from({ length }, (_byte, index) => index * 7);
      await store.write(state);
      const found = await store.read();
      expect(Object.getPrototypeOf(found)).toBe(Uint8Array.prototype);
      expect(found).toEqual(state);
      await store.close();
    });

    it('write() replaces a longer state whole', async () => {
      const store = await open();
      await store.write(new Uint8Array(5000).fill(1));
      await store.write(Uint8Array.of(2));
      expect(await store.read()).toEqual(Uint8Array.of(2));
      await store.close();
    });

    it('write() keeps what the caller had at the call, and only the view', async () => {
      const store = await open();
      const buffer = Uint8Array.of(9, 1, 2, 9);
      const written = store.write(buffer.subarray(1, 3));
      buffer.fill(0);
      await written;
      const found = await store.read();
      expect(found).toEqual(Uint8Array.of(1, 2));
      found?.fill(0);
      expect(await store.read()).toEqual(Uint8Array.of(1, 2));
      await store.close();
    });

    it('write() and read() take effect in the order of the calls, without waiting', async () => {
      const store = await open();
      const calls: Promise<Uint8Array | undefined | void>[] = [];
      for (let number = 1; number <= 20; number++) {
        calls.push(store.write(Uint8Array.of(number)), store.read());
      }
      const results = await Promise.all(calls);
      for (let number = 1; number <= 20; number++) {
        expect(results[2 * number - 1]).toEqual(Uint8Array.of(number));
      }
      await store.close();
    });

    it('close() waits for the writes before it, and refuses calls after it', async () => {
      const store = await open();
      let written = false;
      const writing = store.write(new Uint8Array(3000)).then(() => {
        written = true;
      });
      const closing = store.close();
      await expect(store.read()).rejects.toMatchObject({ code: 'ERR_STORE_CLOSED' });
      await expect(store.write(new Uint8Array(1))).rejects.toMatchObject({
        code: 'ERR_STORE_CLOSED',
        message: expect.stringMatching(/^Store .+ was closed; open it again$/),
      });
      await closing;
      expect(written).toBe(true);
      await writing;
      await store.close();
    });
  });
}
