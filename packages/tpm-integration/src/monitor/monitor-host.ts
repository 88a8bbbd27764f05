import type { DeviceModel, MachineDescription } from '../description.js';
import type { RunState } from '../machine/machine.js';
import { type Availability, BACKEND_TYPES, TARGET_MODELS } from '../options/tpm-options.js';

/** Something that happened to the machine, as monitors announce it. */
export interface MonitorEvent {
  readonly name: 'RESET' | 'STOP' | 'RESUME' | 'SHUTDOWN';
  /** Who is behind a reset or the end. */
  readonly data?: { readonly guest: boolean; readonly reason: string };
}

/** What monitors show and control. */
export interface MonitorHost {
  readonly description: MachineDescription;
  /** What this version can build. */
  readonly available: Availability;
  /** QEMU's name of the attached TPM device's interface, or `undefined` without a device. */
  readonly tpmModel: string | undefined;
  readonly status: RunState;
  readonly running: boolean;
  /** Whether the process is about to end; no further command is served. */
  readonly ending: boolean;
  /** Resets the machine; resolves when it is done. */
  reset(): Promise<void>;
  stop(): Promise<void>;
  cont(): Promise<void>;
  /** Asks for the end of the process. The caller's answer is still sent. */
  quit(): void;
  /** @returns a function that ends the subscription */
  onEvent(listener: (event: MonitorEvent) => void): () => void;
}

/** @returns the name of a model's interface. QEMU: `tpm-tis` stands for both TIS devices */
export function interfaceName(model: DeviceModel): string {
  return model === 'tpm-tis-device' ? 'tpm-tis' : model;
}

/** @returns the interfaces that this target can have in this version */
export function tpmModels(host: MonitorHost): readonly string[] {
  return TARGET_MODELS[host.description.target]
    .filter((model) => host.available.devices.has(model))
    .map(interfaceName);
}

/** @returns the types of back end that this version can open */
export function tpmTypes(host: MonitorHost): readonly string[] {
  return BACKEND_TYPES.filter(({ name }) => host.available.backends.has(name)).map(
    ({ name }) => name,
  );
}

/** @returns the back end's options by their QEMU names, in the order in which they are printed */
export function backendOptions(host: MonitorHost): Readonly<Record<string, string>> {
  const backend = host.description.backend;
  if (backend === undefined) return {};
  if (backend.type === 'emulator') {
    const data = backend.dataChardev;
    return { chardev: backend.chardev, ...(data === undefined ? {} : { 'data-chardev': data }) };
  }
  if (backend.type === 'embedded') {
    return backend.state === undefined ? {} : { state: backend.state };
  }
  const cancel = backend.cancelPath;
  return { path: backend.path, ...(cancel === undefined ? {} : { 'cancel-path': cancel }) };
}
