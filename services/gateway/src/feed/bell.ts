/** Wakes one sleeper; nobody is waiting for a ring that comes while nobody sleeps. */
export interface Bell {
  ring(): void;
  /** Resolves at the next ring, after a time in ms, or once the signal has fired. */
  sleep(ms: number): Promise<void>;
}

export function createBell(over: AbortSignal): Bell {
  let ring = () => {};
  return {
    ring: () => ring(),
    sleep: (ms) =>
      new Promise((resolve) => {
        const done = () => {
          clearTimeout(timer);
          over.removeEventListener('abort', done);
          resolve();
        };
        const timer = setTimeout(done, ms);
        over.addEventListener('abort', done, { once: true });
        ring = done;
      }),
  };
}
