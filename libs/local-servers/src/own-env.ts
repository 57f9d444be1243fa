/** Which nats-server to start; and of Node what actions may need and what keeps no process from working. */
const KEPT = new Set([
  'NATS_SERVER_BIN',
  'NODE_ENV',
  'NODE_EXTRA_CA_CERTS',
  'NODE_TLS_REJECT_UNAUTHORIZED',
  'NODE_USE_ENV_PROXY',
  'NODE_USE_SYSTEM_CA',
]);

/**
 * An environment without what a shell may hold for other programs and what ours, or their libraries, would take for
 * themselves: `PGSSLMODE` or `PGOPTIONS` of another database, `NATS_CA_FILE` of another log, `NODE_OPTIONS`. `keep` names
 * beginnings that are meant for the process all the same.
 */
export function ownEnv(env: NodeJS.ProcessEnv, keep: readonly ('PG' | 'NATS_')[] = []): NodeJS.ProcessEnv {
  const foreign = ['PG', 'NATS_', 'NODE_'].filter((start) => !keep.some((kept) => kept === start));
  return Object.fromEntries(
    Object.entries(env).filter(
      ([name]) => KEPT.has(name) || !foreign.some((start) => name.startsWith(start)),
    ),
  );
}
