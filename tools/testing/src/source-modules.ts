// For `node --import`: lets a process run a package from its sources, whose imports name the
// compiled files. The process under test is then what the test was built from, never an old build.

import { existsSync } from 'node:fs';
import * as nodeModule from 'node:module';
import { fileURLToPath } from 'node:url';

type Resolution = { readonly url: string };
type Next = (specifier: string, context: { readonly parentURL?: string }) => Resolution;

// Not in the types of the oldest Node that the packages support.
const { registerHooks } = nodeModule as unknown as {
  registerHooks(hooks: {
    resolve(specifier: string, context: { readonly parentURL?: string }, next: Next): Resolution;
  }): void;
};

registerHooks({
  resolve(specifier, context, next) {
    if (/^\.\.?\/.*\.js$/.test(specifier) && context.parentURL !== undefined) {
      const source = specifier.replace(/\.js$/, '.ts');
      const url = new URL(source, context.parentURL);
      if (existsSync(fileURLToPath(url))) return next(source, context);
    }
    return next(specifier, context);
  },
});
