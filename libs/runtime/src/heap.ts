/** A binary heap: what `isBefore` puts first comes out first. */
export interface Heap<T> {
  add(item: T): void;
  peek(): T | undefined;
  take(): T | undefined;
  /** All that are so, where all before one that is so are so too; in no order. */
  firstWhile(isSo: (item: T) => boolean): Iterable<T>;
  readonly size: number;
}

export function createHeap<T>(isBefore: (a: T, b: T) => boolean): Heap<T> {
  const items: T[] = [];

  function sink(item: T): void {
    let place = 0;
    for (;;) {
      let child = 2 * place + 1;
      let lesser = items[child];
      if (lesser === undefined) break;
      const right = items[child + 1];
      if (right !== undefined && isBefore(right, lesser)) {
        lesser = right;
        child++;
      }
      if (!isBefore(lesser, item)) break;
      items[place] = lesser;
      place = child;
    }
    items[place] = item;
  }

  return {
    add(item) {
      let place = items.length;
      while (place > 0) {
        const above = (place - 1) >> 1;
        const parent = items[above];
        if (parent === undefined || !isBefore(item, parent)) break;
        items[place] = parent;
        place = above;
      }
      items[place] = item;
    },
    peek: () => items[0],
    take() {
      const first = items[0];
      const last = items.pop();
      if (items.length > 0 && last !== undefined) sink(last);
      return first;
    },
    *firstWhile(isSo) {
      const places = [0];
      for (let place = places.pop(); place !== undefined; place = places.pop()) {
        const item = items[place];
        if (item === undefined || !isSo(item)) continue;
        yield item;
        places.push(2 * place + 1, 2 * place + 2);
      }
    },
    get size() {
      return items.length;
    },
  };
}
