import type { InputStream, OutputStream } from '../console/terminal.js';
import type { GuestFlavour, ImageFiles } from './description.js';
import type { EmulatorFactory } from './emulator.js';

/** A prepared guest: files, and what its kernel is told. */
export interface PreparedGuest extends ImageFiles {
  readonly cdrom?: string | undefined;
}

/** A machine that runs, for a program around the command line. */
export interface RunningMachine {
  /** Sends text to the guest's serial port, as a person would type it. */
  type(text: string): void;
  /** Shows something on the terminal, where the serial port is to be seen. */
  show(bytes: Uint8Array): void;
  /** Ends the run. @param exitCode what {@link runV86} resolves with */
  end(exitCode: number): void;
}

/** What the command line needs from the program around it. Tests bring their own. */
export interface V86Environment {
  readonly input: InputStream;
  readonly output: OutputStream;
  /** Writes one line to standard error, with the program's name in front. */
  readonly report: (message: string) => void;
  /** Writes text to standard error as it is. */
  readonly diagnose: (text: string) => void;
  readonly createEmulator: () => Promise<EmulatorFactory>;
  /** Makes the images of `--guest`; a program without it knows no such images. */
  readonly prepareGuest?: ((flavour: GuestFlavour) => Promise<PreparedGuest>) | undefined;
  /** Is told of the machine when it starts. */
  readonly onStart?: ((machine: RunningMachine) => void) | undefined;
  /**
   * Sees all that the guest sends over its serial port, in order.
   *
   * @returns what the terminal shows in its place
   */
  readonly filterSerial?: ((bytes: Uint8Array) => Uint8Array) | undefined;
}
