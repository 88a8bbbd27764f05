export { ChannelError } from './chardev/channel-error.js';
export type { CharacterChannel } from './chardev/character-channel.js';
export { type ChannelsHost, openChannels } from './chardev/open-channels.js';
export type {
  BackendDefinition,
  CharacterDevice,
  DeviceDefinition,
  DeviceModel,
  MachineDescription,
  MachineFamily,
  MonitorDefinition,
  SystemTarget,
} from './description.js';
export {
  type AcpiBlobs,
  type AcpiFamily,
  buildAcpiTables,
} from './firmware/acpi-tables.js';
export { type FirmwareForm, firmwareFiles, firmwareForm } from './firmware/firmware-files.js';
export { type FirmwareBus, FirmwareInterface } from './firmware/firmware-interface.js';
export { AddressSpace, type WideRegion } from './machine/address-space.js';
export type { DeviceContext, DeviceFactory, PluggedDevice } from './machine/device-factories.js';
export { deviceFactories } from './machine/device-factories.js';
export { MachineError } from './machine/error.js';
export { type InterruptListener, InterruptPins } from './machine/interrupt-pins.js';
export {
  HeadlessMachine,
  type MachineEvent,
  type MachineObject,
  type MachineParts,
  type RunState,
} from './machine/machine.js';
export { type PortRegion, PortSpace, type PortWidth } from './machine/port-space.js';
export { Ram } from './machine/ram.js';
export { VirtualClock } from './machine/virtual-clock.js';
export { HumanMonitor } from './monitor/human-monitor.js';
export { interfaceName, type MonitorEvent, type MonitorHost } from './monitor/monitor-host.js';
export { type QmpOptions, QmpServer } from './monitor/qmp-server.js';
export {
  type BackendContext,
  type BackendOpener,
  backendOpeners,
  openBackend,
} from './open-backend.js';
export { OptionError } from './options/option-error.js';
export { type CommandLine, parseCommandLine } from './options/parse-command-line.js';
export type { Availability } from './options/tpm-options.js';
export { type QtestOptions, QtestServer } from './qtest/qtest-server.js';
export { type PlatformSignals, platformSignalsOf } from './simulator/platform-signals.js';
export { SimulatorError, type SimulatorErrorCode } from './simulator/simulator-error.js';
export { SimulatorServer, type SimulatorServerOptions } from './simulator/simulator-server.js';
