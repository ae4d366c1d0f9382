import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { WORKFLOW_FILE_LIMITS } from './file-limits.js';
import { type ParsedWorkflow, parseWorkflow } from './parse-workflow.js';
import { readPromptFiles } from './prompt-files.js';

/** Reads every `.yaml`, `.yml` and `.json` file of the directories, in the order of their names. */
export async function loadWorkflowFiles(directories: readonly string[]): Promise<ParsedWorkflow[]> {
  const parsed = await Promise.all(directories.map(loadDirectory));
  return parsed.flat();
}

async function loadDirectory(directory: string): Promise<ParsedWorkflow[]> {
  let names: string[];
  try {
    names = await readdir(directory);
  } catch (error) {
    return [failed(directory, `cannot read this directory of workflows: ${(error as Error).message}`)];
  }
  const files = names.filter((name) => /^[^.].*\.(ya?ml|json)$/i.test(name)).sort();
  return Promise.all(files.map((name) => loadWorkflowFile(join(directory, name))));
}

async function loadWorkflowFile(file: string): Promise<ParsedWorkflow> {
  try {
    // Asked before reading: a file of gigabytes must not be loaded only to be refused.
    const { size } = await stat(file);
    if (size > WORKFLOW_FILE_LIMITS.bytes) return failed(file, `is larger than ${WORKFLOW_FILE_LIMITS.bytes} bytes`);
    return await readPromptFiles(parseWorkflow(await readFile(file, 'utf8'), file), file);
  } catch (error) {
    return failed(file, (error as Error).message);
  }
}

function failed(file: string, message: string): ParsedWorkflow {
  return { problems: [{ workflow: file, message, file }] };
}
