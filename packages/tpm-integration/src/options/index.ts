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
export { parseCharacterDeviceText, parseChardev, type Refuse } from './chardev-options.js';
export { type KeyValueList, parseKeyValueList } from './key-value.js';
export { parseMemory } from './machine-options.js';
export { OptionError, optionError } from './option-error.js';
export {
  ignored,
  type OptionRule,
  type OptionRules,
  type OptionUse,
  refused,
  used,
} from './option-rules.js';
export { type CommandLine, parseCommandLine } from './parse-command-line.js';
export {
  type GivenOption,
  type OptionGrammar,
  refuseOf,
  scanOptions,
} from './scan-options.js';
export {
  type Availability,
  checkAvailability,
  checkBackendChardevs,
  deviceArgument,
  parseDevice,
  parseTpmdev,
} from './tpm-options.js';
export { parseBoolean, parseInteger, parseMemorySize } from './values.js';
