/**
 * Runs an asynchronous refresh at most once at a time and not more often than wanted. A request
 * during a run, or too early, is carried out later; several such requests count as one.
 */
export class Refresh {
  readonly #interval: number;
  readonly #run: () => Promise<void>;
  readonly #onError: (error: unknown) => void;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isRunning = false;
  #isWanted = false;

  /** @param interval least milliseconds from a request to its run */
  constructor(interval: number, run: () => Promise<void>, onError: (error: unknown) => void) {
    this.#interval = interval;
    this.#run = run;
    this.#onError = onError;
  }

  request(): void {
    if (this.#isRunning) this.#isWanted = true;
    else this.#timer ??= setTimeout(() => void this.#start(), this.#interval);
  }

  async #start(): Promise<void> {
    this.#timer = undefined;
    this.#isRunning = true;
    try {
      await this.#run();
    } catch (error) {
      this.#onError(error);
    } finally {
      this.#isRunning = false;
      if (this.#isWanted) {
        this.#isWanted = false;
        this.request();
      }
    }
  }
}
