import { posix } from 'node:path';
import ts from 'typescript';

export type SourceText = { path: string; text: string };

export type SourceFacts = {
  path: string;
  lineCount: number;
  /** Own files that this one imports in any way, types included, as paths from the project's root. */
  imports: readonly string[];
  /** Line numbers, from 1. */
  environmentReads: readonly number[];
};

export function readSourceFacts({ path, text }: SourceText): SourceFacts {
  const source = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true);
  const nodes = collectNodes(source);
  const specifiers = nodes.map(importedSpecifier).filter((specifier) => specifier?.startsWith('.') ?? false);
  return {
    path,
    lineCount: text === '' ? 0 : text.trimEnd().split('\n').length,
    imports: specifiers.map((specifier) => posix.join(posix.dirname(path), specifier ?? '')),
    environmentReads: nodes.filter(readsEnvironment).map((node) => lineOf(source, node)),
  };
}

function collectNodes(node: ts.Node): ts.Node[] {
  const below: ts.Node[] = [];
  ts.forEachChild(node, (child) => {
    below.push(...collectNodes(child));
  });
  return [node, ...below];
}

function lineOf(source: ts.SourceFile, node: ts.Node): number {
  return source.getLineAndCharacterOfPosition(node.getStart()).line + 1;
}

/** Static and dynamic imports, re-exports, `import('…').Type`, require. */
function importedSpecifier(node: ts.Node): string | undefined {
  const named = specifierNode(node);
  return named && ts.isStringLiteralLike(named) ? named.text : undefined;
}

function specifierNode(node: ts.Node): ts.Node | undefined {
  if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) return node.moduleSpecifier;
  if (ts.isExternalModuleReference(node)) return node.expression;
  if (ts.isImportTypeNode(node))
    return ts.isLiteralTypeNode(node.argument) ? node.argument.literal : undefined;
  if (ts.isCallExpression(node) && isLoader(node.expression)) return node.arguments[0];
  return undefined;
}

function isLoader(callee: ts.Expression): boolean {
  return (
    callee.kind === ts.SyntaxKind.ImportKeyword || (ts.isIdentifier(callee) && callee.text === 'require')
  );
}

/** `process.env`, `process['env']`, `const { env } = process`, `import { env } from 'node:process'`. */
function readsEnvironment(node: ts.Node): boolean {
  if (ts.isPropertyAccessExpression(node)) return node.name.text === 'env' && isProcess(node.expression);
  if (ts.isElementAccessExpression(node)) {
    const { argumentExpression: key, expression } = node;
    return ts.isStringLiteralLike(key) && key.text === 'env' && isProcess(expression);
  }
  if (ts.isBindingElement(node)) {
    const { initializer } = node.parent.parent as ts.VariableDeclaration;
    return boundName(node) === 'env' && initializer !== undefined && isProcess(initializer);
  }
  if (!ts.isImportSpecifier(node)) return false;
  const module = node.parent.parent.parent.moduleSpecifier;
  return boundName(node) === 'env' && ts.isStringLiteral(module) && /^(node:)?process$/.test(module.text);
}

function boundName(node: ts.BindingElement | ts.ImportSpecifier): string {
  return (node.propertyName ?? node.name).getText();
}

function isProcess(expression: ts.Expression): boolean {
  if (ts.isIdentifier(expression)) return expression.text === 'process';
  return ts.isPropertyAccessExpression(expression) && expression.getText() === 'globalThis.process';
}
