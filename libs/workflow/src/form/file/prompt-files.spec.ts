import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { checkWorkflow } from '../../graph/build.js';
import { loadWorkflowFiles } from './load-workflows.js';
import { parseWorkflow } from './parse-workflow.js';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'prompts-'));
  mkdirSync(join(directory, 'prompts'));
});
afterEach(() => rmSync(directory, { recursive: true }));

const write = (name: string, text: string) => writeFileSync(join(directory, name), text);

/** The only workflow there, checked. */
async function load(llm: string) {
  write('triage.yaml', `name: triage\nnodes:\n  ask:\n    llm: ${llm}\n`);
  const [parsed] = await loadWorkflowFiles([directory]);
  const checked = parsed?.draft && checkWorkflow(parsed.draft);
  return {
    ...checked,
    messages: [...(parsed?.problems ?? []), ...(checked?.problems ?? [])].map(({ message }) => message),
  };
}

describe('prompts in files', () => {
  it('stand in for the text, with its templates', async () => {
    write('prompts/triage.md', 'Sort this: {{ input.text }}\n');
    write('prompts/role.md', 'You sort.\n');

    const { definition } = await load('{ prompt: { file: prompts/triage.md }, system: { file: ./prompts/role.md } }');

    const action = definition?.nodes.get('ask')?.action;
    const texts = action?.type === 'llm' ? await Promise.all(action.messages.map(({ content }) => content.evaluate({ input: { text: 'x' } }))) : []; // prettier-ignore
    expect(texts).toEqual(['You sort.', 'Sort this: x']);
  });

  it('are a part of the version', async () => {
    write('prompts/triage.md', 'Sort this.');
    const before = (await load('{ prompt: { file: prompts/triage.md } }')).definition?.version;
    write('prompts/triage.md', 'Sort that.');
    const after = (await load('{ prompt: { file: prompts/triage.md } }')).definition?.version;

    expect(before).toBeDefined();
    expect(after).not.toBe(before);
  });

  it('are read for each item, too', async () => {
    write('prompts/one.md', 'One: {{ item }}');
    write(
      'all.yaml',
      'name: all\nnodes:\n  ask:\n    each: { items: input.list, llm: { prompt: { file: prompts/one.md } } }\n',
    );
    const [parsed] = await loadWorkflowFiles([directory]);

    expect(parsed?.problems).toEqual([]);
    expect(parsed?.draft && checkWorkflow(parsed.draft).problems).toEqual([]);
  });

  it.each([
    ['is not there', 'prompts/none.md', /llm\.prompt: the file 'prompts\/none\.md' cannot be read/],
    ['lies elsewhere', '../other.md', /the file '\.\.\/other\.md' must lie below the directory of the workflow/],
    ['has a path from the root', '/etc/hosts', /must lie below the directory of the workflow/],
    ['is empty', 'prompts/empty.md', /the file 'prompts\/empty\.md' is empty/],
    ['is too large', 'prompts/large.md', /is larger than 1048576 bytes/],
  ])('are a problem when one %s', async (_, file, message) => {
    write('prompts/empty.md', ' \n');
    write('prompts/large.md', 'x'.repeat(1_048_577));

    expect((await load(`{ prompt: { file: ${file} } }`)).messages).toEqual([expect.stringMatching(message)]);
  });

  it('are not read for a text without a directory', () => {
    const { draft } = parseWorkflow('name: a\nnodes:\n  ask: { llm: { prompt: { file: a.md } } }\n', 'a.yaml');

    expect(draft && checkWorkflow(draft).problems[0]?.message).toContain(
      "'a.md' is read for workflow files in a directory",
    );
  });

  it('are named by nothing but their file', async () => {
    expect((await load('{ prompt: { path: a.md } }')).messages.join(' ')).toMatch(/file.*missing|path/);
  });
});
