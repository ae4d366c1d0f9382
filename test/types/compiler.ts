import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';

import ts from 'typescript';

export const repository = fileURLToPath(new URL('../..', import.meta.url)).replace(/[\\/]$/, '');

/** A program of the files at these paths, with the options of tsconfig.json; a path with a text need not exist. */
export function programOf(
  files: ReadonlyMap<string, string | undefined>,
  options: ts.CompilerOptions = {},
): ts.Program {
  const merged = { ...compilerOptions(), ...options };
  const host = ts.createCompilerHost(merged);
  const { fileExists, readFile, getSourceFile } = host;
  host.fileExists = (path) => files.get(path) !== undefined || fileExists.call(host, path);
  host.readFile = (path) => files.get(path) ?? readFile.call(host, path);
  host.getSourceFile = (path, ...rest) => {
    const text = files.get(path);
    return text === undefined
      ? getSourceFile.call(host, path, ...rest)
      : ts.createSourceFile(path, text, ts.ScriptTarget.ES2023);
  };
  return ts.createProgram([...files.keys()], merged, host);
}

function compilerOptions(): ts.CompilerOptions {
  const path = ts.findConfigFile(repository, ts.sys.fileExists);
  if (path === undefined) throw new Error(`No tsconfig.json in ${repository}`);
  const { config } = ts.readConfigFile(path, ts.sys.readFile) as { config: unknown };
  return ts.parseJsonConfigFileContent(config, ts.sys, dirname(path)).options;
}
