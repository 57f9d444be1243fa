import { ErrandError } from '@errand/client';
import { expect, test } from 'vitest';
import { exitCodeOf, failureOf } from './exit-codes.ts';

test.each([
  ['wait_timeout', undefined, 5],
  ['network_error', undefined, 2],
  ['unauthorized', 401, 2],
  ['log_unavailable', 503, 2],
  ['invalid_input', 422, 3],
  ['not_ended', 409, 3],
  ['unknown_job', 404, 4],
  ['job_expired', 410, 4],
  ['no_result', 404, 1],
])('%s (%s) ends a command with %i', (code, status, exitCode) => {
  expect(exitCodeOf(new ErrandError(code, { detail: '', status }))).toBe(exitCode);
});

test('a bug is not a failure of a command', () => {
  expect(failureOf(new TypeError('x is not a function'))).toBeUndefined();
});
