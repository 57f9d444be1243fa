/** What has to be renewed with the server for as long as somebody works on it. */
export interface Renewals<T> {
  add(item: T): void;
  delete(item: T): void;
}

/** Renews each item thrice in `waitMs`, by one timer for all; an idle process has none. */
export function createRenewals<T>(renew: (item: T) => void, waitMs: number): Renewals<T> {
  const items = new Set<T>();
  let timer: NodeJS.Timeout | undefined;
  function sweep(): void {
    for (const item of items) renew(item);
    if (items.size > 0) return;
    clearInterval(timer);
    timer = undefined;
  }
  return {
    add(item) {
      items.add(item);
      timer ??= setInterval(sweep, waitMs / 3);
    },
    delete: (item) => void items.delete(item),
  };
}
