/** Which nats-server to start; and the Node variables that actions may need and that keep no process from working. */
const KEPT = new Set([
  'NATS_SERVER_BIN',
  'NODE_COMPILE_CACHE',
  'NODE_ENV',
  'NODE_EXTRA_CA_CERTS',
  'NODE_TLS_REJECT_UNAUTHORIZED',
  'NODE_USE_ENV_PROXY',
  'NODE_USE_SYSTEM_CA',
]);

/**
 * An environment without variables that a shell may hold for other programs but that ours, or their libraries, would
 * use: `PGSSLMODE` or `PGOPTIONS` of another database, `NATS_CA_FILE` of another log, `NODE_OPTIONS`. `keep` names
 * prefixes that are meant for the process after all.
 */
export function ownEnv(env: NodeJS.ProcessEnv, keep: readonly ('PG' | 'NATS_')[] = []): NodeJS.ProcessEnv {
  const foreign = ['PG', 'NATS_', 'NODE_'].filter((start) => !keep.some((kept) => kept === start));
  return Object.fromEntries(
    Object.entries(env).filter(
      ([name]) => KEPT.has(name) || !foreign.some((start) => name.startsWith(start)),
    ),
  );
}
