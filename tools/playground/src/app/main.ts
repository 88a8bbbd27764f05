import '../style.css';
import { byId } from './element.js';
import { loadGuestImages } from './guest-images.js';
import { MachineView } from './machine-view.js';
import { Playground } from './playground.js';
import { connectThemeButton } from './theme.js';
import { TpmHost } from './tpm-host.js';
import { messageOf } from './tpm-watch.js';

/** Loads what the page needs and starts it. */
async function start(view: MachineView, playground: Playground): Promise<void> {
  if (typeof WebAssembly !== 'object') {
    throw new Error(
      'This browser has no WebAssembly, which the emulator needs; allow it or use another browser',
    );
  }
  const images = await loadGuestImages((progress) => view.loading(progress));
  const host = await TpmHost.open({
    onStorageChange: () => playground.storageChanged(),
    onError: (error) => playground.report(error),
  });
  // What v86 throws from its timer ends up here.
  window.addEventListener('error', ({ error }) => {
    if (error instanceof Error) playground.crashed(error);
  });
  window.addEventListener('unhandledrejection', ({ reason }) => playground.crashed(reason));
  await playground.begin({ images, host });
}

connectThemeButton(byId<HTMLButtonElement>('theme'));
const view = new MachineView();
start(view, new Playground(view)).catch((error: unknown) => {
  view.failed(messageOf(error), 'Try again', () => location.reload());
});
