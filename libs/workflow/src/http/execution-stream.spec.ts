import { describe, expect, it } from '@jest/globals';
import { ExecutionStream } from './execution-stream.js';
import type { FollowedExecution } from './followed-execution.js';

const FRAME = `data: ${'x'.repeat(600_000)}\n\n`;
const EVENTS = Array.from({ length: 12 }, (_, index) => ({ id: index + 1, frame: FRAME }));

function opened() {
  const left = new Set<ExecutionStream>();
  const followed = { add() {}, remove: (stream: ExecutionStream) => void left.add(stream) };
  return { left, stream: new ExecutionStream(followed as unknown as FollowedExecution, 0) };
}

describe('events of an execution for one client', () => {
  it('all come to one that reads, however large they are, and nobody has to tell them twice', async () => {
    const { stream, left } = opened();
    let characters = 0;

    stream.tell(EVENTS, true);
    for await (const chunk of stream) characters += String(chunk).length;

    expect(characters).toBe(':\n\n'.length + EVENTS.length * FRAME.length);
    expect([...left]).toEqual([stream]);
  });

  it('wait for one that does not, not many at once, and not for ever', () => {
    const { stream, left } = opened();

    stream.tell(EVENTS, true);
    stream.beat();

    expect(stream.readableLength).toBeLessThan(3 * FRAME.length);
    expect([...left]).toEqual([]);

    stream.beat();

    expect([...left]).toEqual([stream]);
  });
});
