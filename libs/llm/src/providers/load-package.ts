import { LlmPackageMissingError } from '../llm.errors.js';
import type { LlmProviderKind } from '../options/provider.options.js';

/** Runs the import of an optional peer; says which package to install when it is not there. */
export async function loadPackage<T>(kind: LlmProviderKind, packageName: string, load: () => Promise<T>): Promise<T> {
  try {
    return await load();
  } catch (error) {
    const code = (error as { code?: unknown } | null)?.code;
    if (code === 'ERR_MODULE_NOT_FOUND' || code === 'MODULE_NOT_FOUND')
      throw new LlmPackageMissingError(kind, packageName, error);
    throw error;
  }
}
