/** Where a provider lists its models, the cheapest thing all of them offer. */
export interface ModelListing {
  readonly baseURL: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** An answer of the model listing that is no success, in the shape `classifyError` reads. */
class ModelListingError extends Error {
  override readonly name = 'ModelListingError';

  constructor(
    readonly url: string,
    readonly statusCode: number,
    readonly responseHeaders: Headers,
    readonly responseBody: string,
  ) {
    super(`GET ${url} answered ${statusCode}${responseBody ? `: ${responseBody.slice(0, 200)}` : ''}`);
  }
}

/** `none`: the server has no such list (404, 405, 501), or shows it to nobody with this key: something else must prove it. */
export type Listed =
  { readonly kind: 'listed'; readonly missing: boolean } | { readonly kind: 'none'; readonly refusal?: Error };

/**
 * Asks for the list of models.
 * @throws what was wrong, also when what came is no list but a page of a proxy's
 */
export async function listModels(
  { listing, fetch }: { readonly listing: ModelListing; readonly fetch: typeof globalThis.fetch },
  signal: AbortSignal,
  model: string,
): Promise<Listed> {
  const url = `${listing.baseURL.replace(/\/+$/, '')}/models`;
  const response = await fetch(url, { headers: listing.headers, signal });
  const { status, headers } = response;
  const body = await response.text();
  const error = new ModelListingError(url, status, headers, body);
  if (response.ok) return { kind: 'listed', missing: !hasModel(body, model, error) };
  if ([404, 405, 501].includes(status)) return { kind: 'none' };
  // Restricted keys may ask models and not list them.
  if ([401, 403].includes(status)) return { kind: 'none', refusal: error };
  throw error;
}

/** A list that is empty, or not whole, says nothing of what is not in it. */
function hasModel(body: string, model: string, error: Error): boolean {
  let list: { readonly data?: unknown; readonly models?: unknown; readonly has_more?: unknown } | readonly unknown[];
  try {
    list = JSON.parse(body) as typeof list;
  } catch (cause) {
    error.cause = cause;
    throw error;
  }
  const entries = Array.isArray(list)
    ? list
    : ((list as { data?: unknown }).data ?? (list as { models?: unknown }).models);
  if (!Array.isArray(entries) || entries.length === 0 || (list as { has_more?: unknown }).has_more === true)
    return true;
  const ids = entries.flatMap((entry: unknown) => {
    const { id, name } = (typeof entry === 'object' && entry !== null ? entry : {}) as Readonly<
      Record<string, unknown>
    >;
    return [id, name].filter((text) => typeof text === 'string');
  });
  // Ollama lists tags, Gemini paths.
  const same = (id: string) =>
    id === model || id === `${model}:latest` || id.endsWith(`/${model}`) || model.endsWith(`/${id}`);
  return ids.length === 0 || ids.some(same);
}
