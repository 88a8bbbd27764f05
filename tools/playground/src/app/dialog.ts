import { byId, setText } from './element.js';

/** A question that a person has to answer before something is lost. */
export interface Question {
  readonly title: string;
  readonly text: string;
  /** Name of the button that does it. */
  readonly action: string;
}

/** @returns whether the person agreed; Escape and Cancel mean no */
export function ask({ title, text, action }: Question): Promise<boolean> {
  const dialog = byId<HTMLDialogElement>('dialog');
  setText(byId('dialog-title'), title);
  setText(byId('dialog-text'), text);
  setText(byId('dialog-confirm'), action);
  dialog.returnValue = 'cancel';
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener('close', () => resolve(dialog.returnValue === 'confirm'), {
      once: true,
    });
  });
}
