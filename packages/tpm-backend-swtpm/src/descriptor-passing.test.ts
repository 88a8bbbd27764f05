import { once } from 'node:events';
import { Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import { createDescriptorPair, createPassingSocket, sendDescriptor } from './descriptor-passing.js';

describe('createDescriptorPair', () => {
  it('createDescriptorPair() gives two connected ends', async () => {
    const { local, remote } = await createDescriptorPair();
    const arrived = once(local, 'data');
    remote.write('ping');
    expect(String((await arrived)[0])).toBe('ping');
    remote.destroy();
    await once(local, 'close');
  });
});

describe('sendDescriptor', () => {
  it('sendDescriptor() refuses a socket without a handle and names the way out', async () => {
    const { local, remote } = await createDescriptorPair();
    expect(() => sendDescriptor(new Socket(), Uint8Array.of(16), remote)).toThrow('--server');
    local.destroy();
    remote.destroy();
  });

  it('sendDescriptor() refuses a socket that was closed', async () => {
    const { local, remote } = await createDescriptorPair();
    remote.destroy();
    expect(() => sendDescriptor(local, Uint8Array.of(16), remote)).toThrow(
      "can't pass a descriptor",
    );
    local.destroy();
  });
});

describe('createPassingSocket', () => {
  it('createPassingSocket() refuses a constructor that is none of a pipe handle', () => {
    class NoPipe {
      constructor() {
        throw new Error('not a pipe');
      }
    }
    expect(() => createPassingSocket(NoPipe as never)).toThrow("can't pass a descriptor");
  });
});
