import { byId, setText } from './element.js';

/** A question that a person has to answer before something is lost. */
export interface Question {
  readonly title: string;
  readonly text: string;
  /** Name of the button that does it. */
  readonly action: string;
}

/** The page's one dialog. Questions that come while one is open wait: none changes under the hand. */
export class QuestionDialog {
  readonly #dialog: HTMLDialogElement = byId('dialog');
  #last: Promise<unknown> = Promise.resolve();

  /** @returns whether the person agreed; Escape and Cancel mean no */
  ask(question: Question): Promise<boolean> {
    const answer = this.#last.then(() => this.#show(question));
    this.#last = answer;
    return answer;
  }

  #show({ title, text, action }: Question): Promise<boolean> {
    const dialog = this.#dialog;
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
}
