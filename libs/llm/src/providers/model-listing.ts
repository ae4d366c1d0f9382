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

/**
 * Asks for the list of models and throws what was wrong.
 * @returns false when the server has no such list (404, 405, 501): something else must prove it
 */
export async function listModels(
  { listing, fetch }: { readonly listing: ModelListing; readonly fetch: typeof globalThis.fetch },
  signal: AbortSignal,
): Promise<boolean> {
  const url = `${listing.baseURL.replace(/\/+$/, '')}/models`;
  const response = await fetch(url, { headers: listing.headers, signal });
  if (response.ok) {
    // The answer itself says nothing. One that has not all come yet takes its connection with it, which costs less than its rest.
    await response.body?.cancel();
    return true;
  }
  const body = await response.text();
  if ([404, 405, 501].includes(response.status)) return false;
  throw new ModelListingError(url, response.status, response.headers, body);
}
