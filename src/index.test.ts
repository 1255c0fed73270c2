/** The public surface says what it does. */
import { join } from 'node:path';
import ts from 'typescript';
import { expect, it } from 'vitest';
import { packageRoot } from './package.js';

it('has a docstring for every name that it exports', () => {
  const { config } = ts.readConfigFile(join(packageRoot, 'tsconfig.json'), ts.sys.readFile);
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, packageRoot);
  const index = join(packageRoot, 'src', 'index.ts');
  const program = ts.createProgram([index], { ...options, incremental: false, tsBuildInfoFile: undefined });
  const checker = program.getTypeChecker();
  const exported = checker.getExportsOfModule(checker.getSymbolAtLocation(program.getSourceFile(index)!)!);
  const undocumented = exported.filter((symbol) => {
    const named = symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
    return named.getDocumentationComment(checker).length === 0;
  });
  expect(exported.length).toBeGreaterThan(100);
  expect(undocumented.map(({ name }) => name)).toEqual([]);
});
