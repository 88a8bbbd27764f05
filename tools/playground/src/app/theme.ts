/** Key of the choice in the page's storage; `public/theme.js` reads it before the first paint. */
const KEY = 'tpmdev-theme';

const THEMES = ['system', 'light', 'dark'] as const;
type Theme = (typeof THEMES)[number];

const LABELS: Readonly<Record<Theme, string>> = {
  system: 'Colours: as the system',
  light: 'Colours: light',
  dark: 'Colours: dark',
};
const SIGNS: Readonly<Record<Theme, string>> = { system: '◐', light: '☀', dark: '☾' };

function currentTheme(): Theme {
  const chosen = document.documentElement.dataset.theme;
  return chosen === 'light' || chosen === 'dark' ? chosen : 'system';
}

function remember(theme: Theme): void {
  try {
    if (theme === 'system') localStorage.removeItem(KEY);
    else localStorage.setItem(KEY, theme);
  } catch (error) {
    // A browser that allows no storage: the choice lasts as long as the page.
    if (!(error instanceof DOMException)) throw error;
  }
}

/** Makes a button go through the themes: as the system, light, dark. */
export function connectThemeButton(button: HTMLButtonElement): void {
  const show = (): void => {
    const theme = currentTheme();
    button.setAttribute('aria-label', LABELS[theme]);
    button.title = LABELS[theme];
    const sign = button.querySelector('span');
    if (sign !== null) sign.textContent = SIGNS[theme];
  };
  button.addEventListener('click', () => {
    const next = THEMES[(THEMES.indexOf(currentTheme()) + 1) % THEMES.length] ?? 'system';
    if (next === 'system') delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = next;
    remember(next);
    show();
  });
  show();
}
