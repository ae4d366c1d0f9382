import { knownPart } from './as-v3.js';
import type { ModelPart, SdkModel } from './model-call.js';

type Opened = Awaited<ReturnType<SdkModel['doStream']>>;
type Chunk = Awaited<ReturnType<ReadableStreamDefaultReader<ModelPart>['read']>>;
type Read = IteratorResult<ModelPart, undefined>;

const DONE = { done: true, value: undefined } as const;

/**
 * Reads the parts of one streamed answer, up to the one that ends it. Hot path: a generator over the stream costs a part several times as
 * much. See `npm run bench -- llm`.
 */
export class PartReader implements AsyncIterator<ModelPart, undefined> {
  private reader: ReadableStreamDefaultReader<ModelPart> | undefined;
  private contentType: string | undefined;
  private over = false;
  private empty = true;

  /**
   * @param refuseEmpty called for a stream of which nothing came. @throws what was wrong with it
   * @param errorOf what is thrown for what the client library threw
   */
  constructor(
    private readonly open: () => PromiseLike<Opened>,
    private readonly refuseEmpty: (contentType: string | undefined) => void,
    private readonly errorOf: (thrown: unknown) => unknown,
  ) {}

  next(): Promise<Read> {
    if (this.over) return Promise.resolve(DONE);
    const read = this.reader === undefined ? this.begin() : this.reader.read();
    return read.then(this.take, this.fail);
  }

  /** Ends the request. */
  async return(): Promise<Read> {
    this.over = true;
    await this.reader?.cancel();
    return DONE;
  }

  private async begin(): Promise<Chunk> {
    const { stream, response } = await this.open();
    this.contentType = response?.headers?.['content-type'];
    this.reader = stream.getReader();
    return this.reader.read();
  }

  private readonly take = ({ done, value }: Chunk): Read | Promise<Read> => {
    if (done) return this.end();
    const part = knownPart(value);
    if (part === undefined) return this.next();
    if (part.type === 'error') {
      // An overloaded provider may say so inside a stream that began with status 200.
      if (!endsWithoutReason(part.error)) return this.fail(part.error);
      return this.end();
    }
    if (part.type === 'finish') {
      // The client libraries end every stream so; only a provider that was done said why.
      if (part.finishReason.unified === 'other' && !part.finishReason.raw) return this.end();
      this.over = true;
    } else if (this.empty && part.type.endsWith('-delta')) {
      this.empty = false;
    }
    return { done: false, value: part };
  };

  private end(): Read {
    this.over = true;
    if (this.empty) this.refuseEmpty(this.contentType);
    return DONE;
  }

  private readonly fail = (error: unknown): never => {
    this.over = true;
    throw this.errorOf(error);
  };
}

/** What one of the client libraries says of a connection that was closed too soon. */
function endsWithoutReason(error: unknown): boolean {
  const { name, message } = Object(error) as Partial<Error>;
  return name === 'AI_InvalidResponseDataError' && message?.includes('without a finish reason') === true;
}
