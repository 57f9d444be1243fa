/** Actions that an executor under test must have. `conformance_progress` is optional. */
export const ACTIONS = [
  'conformance_echo',
  'conformance_fail',
  'conformance_sleep',
  'conformance_permanent',
] as const;

/** What the contract of each must say. */
export const LIMITS = { max_attempts: 2, timeout_ms: 8_000 };

/** What `conformance_fail` throws; no caller may read it. */
export const SECRET = 'conformance secret';
