/** What a wire's vendors send that its client library does not expect. */
export interface Wire {
  /** The header that holds the key. */
  readonly keyHeader: string;
  /** Looked for in every chunk; only one in which it is found is looked at line by line. Of ASCII characters alone. */
  readonly trigger: RegExp;
  readonly mender: () => LineMender;
  /** Of a whole answer. */
  readonly mendBody?: (text: string) => string;
}

export interface LineMender {
  /** Whether the next lines must be looked at whatever is in them. */
  readonly watching?: boolean;
  /** @param event the name of the event, `''` for none. @returns the data to be sent instead, each as an event of its own */
  mend(data: string, event: string): { readonly data: readonly string[]; readonly saidAll?: boolean };
}

const ENCODER = new TextEncoder();
const DECODER = new TextDecoder();
const [LF, CR] = [0x0a, 0x0d];

/** Goes along an event stream line by line. It ends where the vendor has said all, even when the connection stays open. */
export class EventMender {
  saidAll = false;
  private held: Uint8Array | undefined;
  private event = '';
  private readonly lines: LineMender;

  constructor(private readonly wire: Wire) {
    this.lines = wire.mender();
  }

  take(chunk: Uint8Array): Uint8Array | undefined {
    const bytes = this.held === undefined ? chunk : Buffer.concat([this.held, chunk]);
    const end = Math.max(bytes.lastIndexOf(LF), bytes.lastIndexOf(CR)) + 1;
    this.held = end === bytes.length ? undefined : bytes.subarray(end);
    return end === 0 ? undefined : this.whole(bytes.subarray(0, end));
  }

  /** What was held back at the end of the stream. */
  rest(): Uint8Array | undefined {
    return this.held === undefined ? undefined : this.whole(this.held);
  }

  private whole(lines: Uint8Array): Uint8Array {
    const { buffer, byteOffset, length } = lines;
    const ascii = Buffer.from(buffer, byteOffset, length).toString('latin1');
    if (this.lines.watching !== true && !this.wire.trigger.test(ascii)) return lines;
    let mended = '';
    for (const line of DECODER.decode(lines).split(/(?<=\n|\r(?!\n))/)) {
      mended += this.line(line);
      if (this.saidAll) break;
    }
    return ENCODER.encode(mended);
  }

  private line(line: string): string {
    const [, field, value = ''] = /^(event|data):[ ]?([^\r\n]*)/.exec(line) ?? [];
    if (field === undefined) {
      if (line.trim() === '') this.event = '';
      return line;
    }
    if (field === 'event') {
      this.event = value.trim();
      return line;
    }
    const { data, saidAll = false } = this.lines.mend(value, this.event);
    this.saidAll = saidAll;
    if (!saidAll && data.length === 1 && data[0] === value) return line;
    return data.map((one) => `data: ${one}\n`).join('\n') + (saidAll ? '\n' : '');
  }
}
