/** Of work that belongs to no shard. */
export const NO_SHARD = -1;

/** Keeps what is under way, by shard; `onEnd` is called after each end. */
export function createTasks(onEnd: () => void) {
  const underWay = new Map<Promise<void>, number>();
  return {
    /** What is tracked must not reject. */
    track(shard: number, work: Promise<void>): void {
      const tracked = work.finally(() => {
        underWay.delete(tracked);
        onEnd();
      });
      underWay.set(tracked, shard);
    },
    /** Resolves when what was under way of these shards, or of all, has ended. */
    async over(shards?: ReadonlySet<number>): Promise<void> {
      const works = [...underWay].filter(([, shard]) => !shards || shards.has(shard));
      await Promise.all(works.map(([work]) => work));
    },
  };
}
