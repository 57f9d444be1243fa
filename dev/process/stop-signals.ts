/** Within this time a further signal is an echo: npm passes on what the terminal has already sent to all. */
const ECHO_MS = 500;

/**
 * Calls `first` on Ctrl-C, SIGTERM or the end of the terminal, and `again` when somebody insists. Nothing ends the
 * process by itself.
 */
export function onStopSignals(handlers: { first: () => void; again: () => void }): void {
  let firstMs: number | undefined;
  const handle = () => {
    if (firstMs === undefined) {
      firstMs = performance.now();
      handlers.first();
    } else if (performance.now() - firstMs > ECHO_MS) {
      handlers.again();
    }
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, handle);
}
