import { describe, expect, it } from 'vitest';
import { checkSource } from './dependency-rule.ts';

const check = (name: string, text: string, ...declared: string[]) =>
  checkSource(name, 'file.ts', text, new Set(declared));

describe('checkSource', () => {
  it.each([
    ['a front end that imports a back end', 'tpm-tis', "import { x } from 'tpm-backend-swtpm';"],
    ['a type import between front ends', 'tpm-crb', "import type { X } from 'tpm-tis';"],
    ['a re-export', 'tpm-tis', "export { x } from 'tpm-crb';"],
    ['a dynamic import', 'tpm-tis', "await import('tpm-crb');"],
    ['a core that imports anything', 'tpm-core', "import { x } from 'tpm-tis';"],
  ])('checkSource() reports %s', (_case, name, text) => {
    expect(check(name, text, 'tpm-crb', 'tpm-tis', 'tpm-backend-swtpm')).toEqual([
      expect.stringContaining('against the dependency rule'),
    ]);
  });

  it('checkSource() reports an undeclared dependency', () => {
    expect(check('tpm-tis', "\nimport { x } from 'tpm-core';")).toEqual([
      'file.ts:2 imports "tpm-core" without declaring it as a dependency',
    ]);
  });

  it.each([
    ["import { readFileSync } from 'node:fs';", 'imports "node:fs"'],
    ['const x = Buffer.alloc(1);', 'uses "Buffer"'],
    ['setTimeout(() => {}, 1);', 'uses "setTimeout"'],
    ['const x = process.env;', 'uses "process"'],
  ])('checkSource() reports %s in a package for the browser only', (text, problem) => {
    expect(check('tpm-tis', text)).toEqual([expect.stringContaining(problem)]);
    expect(check('tpm-backend-swtpm', text)).toEqual([]);
  });

  describe('with an entry point for Node in a package for the browser', () => {
    const checkModule = (module: string, text: string) =>
      checkSource(
        'tpm-backend-embedded',
        `packages/tpm-backend-embedded/src/${module}.ts`,
        text,
        new Set(),
      );
    const nodeText = "import { open } from 'node:fs/promises'; process.exit(); setTimeout(open);";

    it('checkSource() lets its modules use Node and import one another', () => {
      expect(checkModule('node', nodeText)).toEqual([]);
      expect(checkModule('store/file-store', nodeText)).toEqual([]);
      expect(checkModule('node', "export { x } from './store/file-store.js';")).toEqual([]);
      expect(checkModule('store/file-store', "import { x } from './file-system.js';")).toEqual([]);
      expect(checkModule('store/file-store', "import { x } from './state-store.js';")).toEqual([]);
    });

    it('checkSource() lets no other module of the package use Node', () => {
      for (const module of ['index', 'store/memory-store', 'store/node', 'backend/node']) {
        expect(checkModule(module, nodeText)).toHaveLength(3);
      }
      expect(
        checkSource('tpm-tis', 'packages/tpm-tis/src/node.ts', nodeText, new Set()),
      ).toHaveLength(3);
    });

    it.each([
      ['index', "export { fileStore } from './node.js';"],
      ['index', "export { fileStore } from './store/file-store.js';"],
      ['store/memory-store', "import type { FileSystem } from './file-system.js';"],
      ['backend/backend', "await import('../store/file-store.js');"],
    ])('checkSource() reports %s with %s', (module, text) => {
      expect(checkModule(module, text)).toEqual([
        expect.stringContaining('which is for Node, but must run in a browser'),
      ]);
    });
  });

  describe('with an entry point for the browser in a package for Node', () => {
    const checkModule = (module: string, text: string) =>
      checkSource('tpm-integration', `packages/tpm-integration/src/${module}.ts`, text, new Set());

    it.each([
      ["import { readFileSync } from 'node:fs';", 'imports "node:fs"'],
      ['process.exit();', 'uses "process"'],
      ["export { openBackend } from '../open-backend.js';", 'which is for Node'],
    ])('checkSource() reports %s in its modules only', (text, problem) => {
      expect(checkModule('assembly/index', text)).toEqual([expect.stringContaining(problem)]);
      expect(checkModule('options/values', text)).toEqual([expect.stringContaining(problem)]);
      expect(checkModule('monitor/index', text)).toEqual([]);
    });

    it('checkSource() lets its modules import one another', () => {
      const text = "import { x } from '../options/values.js';";
      expect(checkModule('assembly/index', text)).toEqual([]);
    });

    const checkHost = (module: string, specifier: string) =>
      checkSource(
        'tpm-v86',
        `packages/tpm-v86/src/${module}.ts`,
        `import { x } from '${specifier}';`,
        new Set(['tpm-integration', 'tpm-core', 'v86']),
      );

    it('checkSource() lets a package for the browser import that entry point alone', () => {
      expect(checkHost('attach-tpm', 'tpm-integration/assembly')).toEqual([]);
      expect(checkHost('attach-tpm', 'tpm-integration')).toEqual([
        expect.stringContaining('"tpm-integration", which is for Node'),
      ]);
      expect(checkHost('cli/run', 'tpm-integration')).toEqual([]);
      expect(checkHost('attach-tpm', 'tpm-core')).toEqual([
        expect.stringContaining('against the dependency rule'),
      ]);
    });
  });

  it('checkSource() accepts what the rule allows', () => {
    const text =
      "import { x } from 'tpm-core'; import { y } from './y.js'; x.process(); const z = { process: 1 };";
    expect(check('tpm-tis', text, 'tpm-core')).toEqual([]);
    expect(check('tpm-integration', "import { x } from 'tpm-tis';", 'tpm-tis')).toEqual([]);
  });
});
