/** A `V86` object, as far as its documented interface is needed. */
export interface V86Emulator {
  add_listener(event: string, listener: (value: unknown) => void): void;
  stop(): Promise<void>;
  save_state(): Promise<ArrayBuffer>;
}
