// The dependency rule, checked by the imports and not by convention:
// - tpm-core depends on nothing; front ends, platform packages and back ends on tpm-core and the
//   libraries of their own field, never on each other; tpm-integration on all; tpm-v86 on
//   tpm-integration and v86.
// - What runs in a browser imports no `node:` module and names no Buffer, process or timer. A
//   package for the browser may have an entry point for Node beside it: its modules are listed
//   here, and no other module imports them.

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
  ['tpm-v86', ['tpm-core', 'tpm-integration']],
]);

const NODE_ONLY = new Set(['tpm-backend-swtpm', 'tpm-backend-passthrough', 'tpm-integration']);

/** Modules for Node in packages that otherwise run in a browser. */
const NODE_MODULES: ReadonlySet<string> = new Set(
  ['node', 'store/file-store', 'store/file-system', 'store/directory-lock'].map(
    (module) => `packages/tpm-backend-embedded/src/${module}.ts`,
  ),
);

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
  return NODE_ONLY.has(name) || NODE_MODULES.has(path);
}

function checkSpecifier(
  name: string,
  path: string,
  specifier: string,
  declared: ReadonlySet<string>,
): string[] {
  if (specifier.startsWith('.')) {
    const target = posix.join(posix.dirname(path), specifier).replace(/\.js$/, '.ts');
    return NODE_MODULES.has(target) && !isForNode(name, path)
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
