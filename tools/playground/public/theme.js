// Before the first paint, so that a chosen theme doesn't flash.
try {
  const theme = localStorage.getItem('tpmdev-theme');
  if (theme === 'light' || theme === 'dark') document.documentElement.dataset.theme = theme;
} catch {
  // No storage allowed: the theme is the system's.
}
