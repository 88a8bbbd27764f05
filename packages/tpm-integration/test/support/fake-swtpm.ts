import { createServer, type Server, Socket } from 'node:net';
import { join } from 'node:path';
import type { Resources } from './resources.js';

/** Control commands (swtpm's control interface). */
const CONTROL = {
  getCapability: 0x01,
  getEstablished: 0x04,
  setLocality: 0x05,
  cancel: 0x09,
  resetEstablished: 0x0b,
  init: 0x02,
  stop: 0x0e,
  setDataDescriptor: 0x10,
  setBufferSize: 0x11,
} as const;

/** All capabilities that a client can ask for. */
const CAPABILITIES = 0xffff;

/** Mode of a pipe handle that receives descriptors. */
const PIPE_IPC = 2;

const SMALLEST_BUFFER = 64;

/** TPM_BAD_LOCALITY, with which swtpm refuses to clear the established flag below locality 3. */
const BAD_LOCALITY = 0x3d;

interface PipeHandle {
  readonly fd: number;
  pendingHandle?: PipeHandle | null;
  open(descriptor: number): void;
}

/** A command that reached the peer. */
export interface ReceivedCommand {
  readonly locality: number;
  readonly command: string;
}

/** What the peer reports about itself. */
export interface FakeProperties {
  readonly version: '1.2' | '2.0';
  readonly bufferSize: number;
  readonly established: boolean;
}

/** Command codes of the probe that tells the families apart: TPM2_ReadClock, TPM_GetTicks. */
const PROBES: readonly string[] = ['80010000000a00000181', '00c10000000a000000f1'];

/**
 * A peer that speaks swtpm's control and data protocol and answers TPM commands by a list. It can
 * hold an answer back, and break down. Accepts the data socket over the control socket as swtpm
 * does: through Node's own handle for that, opened on the accepted descriptor.
 */
export class FakeSwtpm {
  readonly controlPath: string;
  /** Commands so far, without the probes of the family. */
  readonly received: ReceivedCommand[] = [];
  /** Control requests so far that concern a guest's actions. */
  readonly control: (string | number)[][] = [];
  readonly #properties: FakeProperties;
  readonly #answerTo: (command: string) => string;
  #established: boolean;
  #locality = 0xff;
  #data: Socket | undefined;
  #started = false;
  #holding = false;
  #held: string | undefined;
  #failing = false;

  private constructor(
    controlPath: string,
    properties: FakeProperties,
    answerTo: (command: string) => string,
  ) {
    this.controlPath = controlPath;
    this.#properties = properties;
    this.#established = properties.established;
    this.#answerTo = answerTo;
  }

  /**
   * Starts a peer.
   *
   * @param answers responses in hexadecimal: one after the other, or by the command
   */
  static async start(
    resources: Resources,
    properties: FakeProperties,
    answers: readonly string[] | ((command: string) => string),
  ): Promise<FakeSwtpm> {
    const path = join(await resources.directory(), 'ctrl');
    const fake = new FakeSwtpm(
      path,
      properties,
      typeof answers === 'function' ? answers : inOrder(answers),
    );
    const server: Server = createServer({ pauseOnConnect: true });
    await new Promise<void>((resolve) => server.listen(path, resolve));
    resources.add(() => new Promise<void>((resolve) => void server.close(() => resolve())));
    server.on('connection', (socket) => {
      const control = fake.#serveControl(socket);
      resources.add(() => {
        control.destroy();
        socket.destroy();
        fake.#data?.destroy();
      });
    });
    return fake;
  }

  /** Whether answers are kept. */
  get holding(): boolean {
    return this.#holding;
  }

  /** Whether a command has come whose answer is kept. */
  get hasCommand(): boolean {
    return this.#held !== undefined;
  }

  /** Keeps the next answer. */
  hold(): void {
    this.#holding = true;
  }

  /** Delivers the answer that was kept. */
  release(): void {
    this.#holding = false;
    const held = this.#held;
    this.#held = undefined;
    if (held !== undefined) this.#answer(held);
  }

  /** Breaks down at the next command. */
  fail(): void {
    this.#failing = true;
  }

  #serveControl(accepted: Socket): Socket {
    const handle = Reflect.get(accepted, '_handle') as PipeHandle;
    const Pipe = handle.constructor as new (mode: number) => PipeHandle;
    const receiving = new Pipe(PIPE_IPC);
    receiving.open(handle.fd);
    const control = new Socket({ handle: receiving } as object);
    control.on('error', () => {});
    control.on('data', (request) => {
      const passed = receiving.pendingHandle;
      if (passed !== undefined && passed !== null) {
        receiving.pendingHandle = null;
        this.#serveData(new Socket({ handle: passed } as object));
      }
      control.write(this.#control(request));
    });
    return control;
  }

  #control(request: Buffer): Buffer {
    switch (request.readUInt32BE(0)) {
      case CONTROL.getCapability:
        return words(0, CAPABILITIES);
      case CONTROL.getEstablished:
        return Buffer.concat([words(0), Buffer.of(this.#established ? 1 : 0, 0, 0, 0)]);
      case CONTROL.setBufferSize: {
        const wanted = request.readUInt32BE(4);
        this.#note('set_buffersize', wanted);
        const { bufferSize } = this.#properties;
        return words(0, wanted === 0 ? bufferSize : wanted, SMALLEST_BUFFER, bufferSize);
      }
      case CONTROL.setLocality:
        this.#locality = request[4]!;
        this.#note('set_locality', this.#locality);
        break;
      case CONTROL.resetEstablished:
        this.#note('reset_established', request[4]!);
        if (request[4]! < 3) return words(BAD_LOCALITY);
        this.#established = false;
        break;
      case CONTROL.init:
        this.#note('init', request.readUInt32BE(4));
        // What follows the first start is what the guest causes.
        if (!this.#started) this.control.length = 0;
        this.#started = true;
        break;
      case CONTROL.stop:
        this.#note('stop');
        break;
      case CONTROL.cancel:
        this.#note('cancel');
        break;
    }
    return words(0);
  }

  #note(...request: (string | number)[]): void {
    this.control.push(request);
  }

  #serveData(socket: Socket): void {
    this.#data = socket;
    socket.on('error', () => {});
    socket.on('data', (bytes) => this.#command(bytes.toString('hex')));
  }

  #command(command: string): void {
    if (!this.#started && PROBES.includes(command)) {
      const tag = this.#properties.version === '2.0' ? '8001' : '00c4';
      this.#data?.write(Buffer.from(`${tag}0000000a00000101`, 'hex'));
      return;
    }
    this.received.push({ locality: this.#locality, command });
    if (this.#failing) {
      this.#data?.destroy();
      return;
    }
    const answer = this.#answerTo(command);
    if (this.#holding) this.#held = answer;
    else this.#answer(answer);
  }

  #answer(hex: string): void {
    this.#data?.write(Buffer.from(hex, 'hex'));
  }
}

/** TPM_RC_FAILURE, when there are more commands than answers. */
const FAILURE = '80010000000a00000101';

function inOrder(answers: readonly string[]): () => string {
  let next = 0;
  return () => answers[next++] ?? FAILURE;
}

function words(...values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(4 * values.length);
  for (const [index, value] of values.entries()) bytes.writeUInt32BE(value, 4 * index);
  return bytes;
}
