import type { MachineDescription } from '../../src/description.js';
import type { RunState } from '../../src/machine/machine.js';
import type { MonitorEvent, MonitorHost } from '../../src/monitor/monitor-host.js';
import type { Availability } from '../../src/options/tpm-options.js';

/** Who is behind the resets and ends of a monitor's machine. */
function causedBy(reason: string): MonitorEvent['data'] {
  return { guest: false, reason };
}

/** A machine as far as monitors see it: the one of the recorded sessions. */
export class FakeMonitorHost implements MonitorHost {
  readonly description: MachineDescription;
  readonly available: Availability = {
    devices: new Set(['tpm-tis', 'tpm-tis-device']),
    backends: new Set(['emulator']),
  };
  tpmModel: string | undefined = 'tpm-tis';
  status: RunState = 'prelaunch';
  ending = false;
  readonly #listeners: Set<(event: MonitorEvent) => void> = new Set();

  constructor(changes: Partial<MachineDescription> = {}) {
    this.description = {
      target: 'x86_64',
      family: 'q35',
      machineName: 'pc-q35-7.2',
      machineOptions: new Map(),
      ramSize: 128 * 2 ** 20,
      chardevs: new Map(),
      monitors: [],
      startPaused: true,
      guestName: 'guest0',
      uuid: '12345678-9abc-def0-1234-56789abcdef0',
      backend: { type: 'emulator', id: 't', chardev: 'c' },
      ...changes,
    };
  }

  /** Number of subscriptions that have not ended. */
  get listenerCount(): number {
    return this.#listeners.size;
  }

  get running(): boolean {
    return this.status === 'running';
  }

  async reset(): Promise<void> {
    if (this.status === 'paused') this.status = 'prelaunch';
    this.announce({ name: 'RESET', data: causedBy('host-qmp-system-reset')! });
  }

  async stop(): Promise<void> {
    if (!this.running) return;
    this.status = 'paused';
    this.announce({ name: 'STOP' });
  }

  async cont(): Promise<void> {
    if (this.running) return;
    this.status = 'running';
    this.announce({ name: 'RESUME' });
  }

  quit(): void {
    this.announce({ name: 'SHUTDOWN', data: causedBy('host-qmp-quit')! });
    this.ending = true;
  }

  onEvent(listener: (event: MonitorEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  announce(event: MonitorEvent): void {
    for (const listener of this.#listeners) listener(event);
  }
}
