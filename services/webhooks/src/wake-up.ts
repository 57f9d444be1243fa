export interface WakeUp {
  /** Resolves at the next call, or at once if one came since the last wait, or after `ms`. One waiter at a time. */
  wait(ms: number): Promise<void>;
  call(): void;
}

export function createWakeUp(): WakeUp {
  let called = Promise.withResolvers<void>();
  return {
    async wait(ms) {
      const late = Promise.withResolvers<void>();
      const timer = setTimeout(late.resolve, ms);
      await Promise.race([called.promise, late.promise]);
      clearTimeout(timer);
      called = Promise.withResolvers<void>();
    },
    call: () => called.resolve(),
  };
}
