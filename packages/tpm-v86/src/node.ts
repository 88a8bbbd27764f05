export type { GuestFlavour, ImageFiles } from './cli/description.js';
export type { Emulator, EmulatorFactory, EmulatorOptions } from './cli/emulator.js';
export type { PreparedGuest, RunningMachine, V86Environment } from './cli/environment.js';
export { processEnvironment } from './cli/process-environment.js';
export { runV86 } from './cli/run-v86.js';
export type { InputStream, OutputStream } from './console/terminal.js';
