/** A view of the inspector. */
export interface Panel {
  /** Used in ids. */
  readonly id: string;
  /** Name on the tab. */
  readonly title: string;
  readonly root: HTMLElement;
  /** Shows the present state. Called while the panel is visible only, a few times per second. */
  render(): void;
}
