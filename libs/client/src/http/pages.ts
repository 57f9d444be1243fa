/** A list that is fetched page by page as it is read. */
export interface Pages<T> extends AsyncIterable<T> {
  /** The same as pages, each with the cursor after it: null at the end. */
  pages(): AsyncIterable<Page<T>>;
}

export interface Page<T> {
  readonly items: readonly T[];
  readonly nextCursor: string | null;
}

export function createPages<T>(
  fetchPage: (cursor: string | undefined) => Promise<Page<T>>,
  first: string | undefined,
): Pages<T> {
  async function* pages(): AsyncGenerator<Page<T>, void, void> {
    for (let cursor = first; ; ) {
      const page = await fetchPage(cursor);
      yield page;
      if (page.nextCursor === null) return;
      cursor = page.nextCursor;
    }
  }
  return {
    pages,
    async *[Symbol.asyncIterator]() {
      for await (const { items } of pages()) yield* items;
    },
  };
}
