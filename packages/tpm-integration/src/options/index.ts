export type {
  BackendDefinition,
  CharacterDevice,
  DeviceDefinition,
  DeviceModel,
  MachineDescription,
  MachineFamily,
  MonitorDefinition,
  SystemTarget,
} from '../description.js';
export { OptionError } from './option-error.js';
export { type CommandLine, parseCommandLine } from './parse-command-line.js';
export type { Availability } from './tpm-options.js';
