export type {
  BackendDefinition,
  CharacterDevice,
  DeviceDefinition,
  DeviceModel,
  MachineDescription,
  MachineFamily,
  MonitorDefinition,
} from './description.js';
export { AddressSpace } from './machine/address-space.js';
export type { DeviceContext, DeviceFactory, PluggedDevice } from './machine/device-factories.js';
export { deviceFactories, PPI_ADDRESS } from './machine/device-factories.js';
export { MachineError } from './machine/error.js';
export { type InterruptListener, InterruptPins } from './machine/interrupt-pins.js';
export {
  HeadlessMachine,
  type MachineEvent,
  type MachineObject,
  type MachineParts,
  type RunState,
} from './machine/machine.js';
export { Ram } from './machine/ram.js';
export { VirtualClock } from './machine/virtual-clock.js';
export { type QtestOptions, QtestServer } from './qtest/qtest-server.js';
