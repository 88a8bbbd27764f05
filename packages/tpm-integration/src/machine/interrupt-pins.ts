import type { IrqLine } from 'tpm-core';

/**
 * Receives a change of an intercepted pin.
 *
 * @param pin pin number
 * @param raised the new level
 */
export type InterruptListener = (pin: number, raised: boolean) => void;

/**
 * The input pins of the machine's interrupt controller. Nobody serves them: they record levels
 * and report changes once they are intercepted (qtest: `irq_intercept_in`).
 */
export class InterruptPins {
  /** Number of pins. */
  readonly count: number;
  /** Receives changes while intercepted. */
  listener: InterruptListener | undefined;
  #intercepted = false;
  readonly #levels: Int32Array;
  readonly #reported: Int32Array;

  /** @param count number of pins */
  constructor(count: number) {
    this.count = count;
    this.#levels = new Int32Array(count);
    this.#reported = new Int32Array(count);
  }

  /** Starts to report changes; what happened before stays unreported. */
  intercept(): void {
    this.#intercepted = true;
  }

  /** Forgets what was reported: every pin counts as low for the listener. */
  forgetReports(): void {
    this.#reported.fill(0);
  }

  /** @returns the present level of a pin; a pin that doesn't exist is low */
  level(pin: number): number {
    return this.#levels[pin] ?? 0;
  }

  /**
   * @param pin 0 to `count` - 1
   * @param level 0 is low, everything else high; QEMU: two different high levels are a change
   */
  set(pin: number, level: number): void {
    this.#levels[pin] = level;
    if (!this.#intercepted || this.#reported[pin] === level) return;
    this.#reported[pin] = level;
    this.listener?.(pin, level !== 0);
  }

  /** @returns the line that leads to a pin */
  line(pin: number): IrqLine {
    return { set: (asserted) => this.set(pin, asserted ? 1 : 0) };
  }
}
