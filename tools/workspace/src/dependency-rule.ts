// The dependency rule, checked by the imports and not by convention:
// - tpm-core depends on nothing; front ends, platform packages and back ends on tpm-core and the
//   libraries of their own field, never on each other; tpm-integration on all; tpm-v86 on
//   tpm-integration and v86.
// - What runs in a browser imports no `node:` module and names no Buffer, process or timer. A
//   package may have an entry point for the other side beside its own: the modules of such entry
//   points are listed here, and no module for the browser imports one for Node.

import { posix } from 'node:path';
import ts from 'typescript';

const ENDS_AND_PLATFORM = [
  'tpm-tis',
  'tpm-crb',
  'tpm-spapr',
  'tpm-acpi',
  'tpm-fwcfg-ppi',
  'tpm-backend-embedded',
  'tpm-backend-swtpm',
  'tpm-backend-passthrough',
];

/** Workspace packages that each package may import. */
export const ALLOWED: ReadonlyMap<string, readonly string[]> = new Map([
  ['tpm-core', []],
  ...ENDS_AND_PLATFORM.map((name): [string, string[]] => [name, ['tpm-core']]),
  ['tpm-integration', ['tpm-core', ...ENDS_AND_PLATFORM]],
  ['tpm-v86', ['tpm-integration']],
]);

const NODE_ONLY = new Set(['tpm-backend-swtpm', 'tpm-backend-passthrough', 'tpm-integration']);

/** Modules and folders for Node in packages that otherwise run in a browser. */
const NODE_MODULES: readonly string[] = [
  'tpm-backend-embedded/src/node.ts',
  'tpm-backend-embedded/src/store/file-store.ts',
  'tpm-backend-embedded/src/store/file-system.ts',
  'tpm-backend-embedded/src/store/directory-lock.ts',
  'tpm-v86/src/node.ts',
  'tpm-v86/src/bin/',
  'tpm-v86/src/cli/',
  'tpm-v86/src/console/',
];

/** Modules and folders that run in a browser in packages that otherwise are for Node. */
const BROWSER_MODULES: readonly string[] = [
  'tpm-integration/src/assembly/',
  'tpm-integration/src/description.ts',
  'tpm-integration/src/firmware/acpi-tables.ts',
  'tpm-integration/src/firmware/table-list.ts',
  'tpm-integration/src/machine/device-factories.ts',
  'tpm-integration/src/machine/error.ts',
  'tpm-integration/src/options/',
  'tpm-integration/src/version.ts',
];

/** Entry points that are for the other side than the rest of their package. */
const NODE_ENTRIES: ReadonlySet<string> = new Set(['tpm-backend-embedded/node', 'tpm-v86/node']);
const BROWSER_ENTRIES: ReadonlySet<string> = new Set([
  'tpm-integration/assembly',
  'tpm-integration/options',
]);

const NODE_GLOBALS = new Set([
  'Buffer',
  'process',
  'require',
  '__dirname',
  '__filename',
  'setTimeout',
  'setInterval',
  'setImmediate',
]);

/** Name of the package that a module specifier belongs to. */
function packageOf(specifier: string): string {
  const parts = specifier.split('/');
  return specifier.startsWith('@') ? parts.slice(0, 2).join('/') : (parts[0] ?? specifier);
}

/** Whether a module is for Node only, by its package or by itself. */
function isForNode(name: string, path: string): boolean {
  const isListed = (module: string) =>
    module.endsWith('/') ? path.startsWith(`packages/${module}`) : path === `packages/${module}`;
  return NODE_ONLY.has(name) ? !BROWSER_MODULES.some(isListed) : NODE_MODULES.some(isListed);
}

/** Whether an entry point of a package is for Node only. */
function isNodeEntry(specifier: string, target: string): boolean {
  return NODE_ONLY.has(target) ? !BROWSER_ENTRIES.has(specifier) : NODE_ENTRIES.has(specifier);
}

function checkSpecifier(
  name: string,
  path: string,
  specifier: string,
  declared: ReadonlySet<string>,
): string[] {
  if (specifier.startsWith('.')) {
    const target = posix.join(posix.dirname(path), specifier).replace(/\.js$/, '.ts');
    return isForNode(name, target) && !isForNode(name, path)
      ? [`imports "${specifier}", which is for Node, but must run in a browser`]
      : [];
  }
  if (specifier.startsWith('node:')) {
    return isForNode(name, path) ? [] : [`imports "${specifier}" but must run in a browser`];
  }
  const target = packageOf(specifier);
  const problems: string[] = [];
  if (!declared.has(target))
    problems.push(`imports "${target}" without declaring it as a dependency`);
  if (ALLOWED.has(target) && !ALLOWED.get(name)?.includes(target)) {
    problems.push(`imports "${target}" against the dependency rule`);
  } else if (isNodeEntry(specifier, target) && !isForNode(name, path)) {
    problems.push(`imports "${specifier}", which is for Node, but must run in a browser`);
  }
  return problems;
}

/**
 * @param name package that the source belongs to
 * @param path where the source is, from the root of the repository, with `/`
 * @param text the source
 * @param declared names of the package's declared runtime dependencies
 * @returns one line per breach of the rule
 */
export function checkSource(
  name: string,
  path: string,
  text: string,
  declared: ReadonlySet<string>,
): string[] {
  const source = ts.createSourceFile(path, text, ts.ScriptTarget.ES2022, true);
  const problems: string[] = [];
  const report = (node: ts.Node, problem: string): void => {
    const { line } = source.getLineAndCharacterOfPosition(node.getStart());
    problems.push(`${path}:${line + 1} ${problem}`);
  };
  const visit = (node: ts.Node): void => {
    const specifier =
      ts.isImportDeclaration(node) || ts.isExportDeclaration(node)
        ? node.moduleSpecifier
        : ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword
          ? node.arguments[0]
          : undefined;
    if (specifier !== undefined && ts.isStringLiteral(specifier)) {
      for (const problem of checkSpecifier(name, path, specifier.text, declared))
        report(node, problem);
    }
    if (!isForNode(name, path) && ts.isIdentifier(node) && NODE_GLOBALS.has(node.text)) {
      const parent = node.parent;
      const isMember =
        (ts.isPropertyAccessExpression(parent) && parent.name === node) ||
        (ts.isPropertyAssignment(parent) && parent.name === node) ||
        ts.isMethodDeclaration(parent) ||
        ts.isMethodSignature(parent) ||
        ts.isPropertySignature(parent) ||
        ts.isPropertyDeclaration(parent);
      if (!isMember) report(node, `uses "${node.text}" but must run in a browser`);
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return problems;
}
