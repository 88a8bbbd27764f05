import { defineConfig } from 'vite';
import { guestFiles } from './src/serve/guest-files.ts';
import { contentSecurityPolicy, SECURITY_HEADERS } from './src/serve/security-policy.ts';

/** v86 looks for modules of Node where there is one; the page's build leaves them out and says so. */
const EXTERNALIZED = /externalized for browser compatibility, imported by ".*\/libv86\.mjs"/;

export default defineConfig({
  base: './',
  build: {
    target: 'es2022',
    sourcemap: false,
    // One page, one program: v86 and xterm.js are most of it.
    chunkSizeWarningLimit: 1200,
    modulePreload: { polyfill: false },
    rolldownOptions: {
      onLog(level, log, handle) {
        if (!EXTERNALIZED.test(log.message)) handle(level, log);
      },
    },
  },
  server: { host: '127.0.0.1' },
  preview: { host: '127.0.0.1', headers: SECURITY_HEADERS },
  plugins: [guestFiles(), contentSecurityPolicy()],
});
