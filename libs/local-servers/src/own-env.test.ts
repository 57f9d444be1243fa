import { expect, test } from 'vitest';
import { ownEnv } from './own-env.ts';

test('variables that a shell holds for other programs are left out, and all others are kept', () => {
  const env = {
    PATH: '/bin',
    PGSSLMODE: 'require',
    NATS_CA_FILE: '/ca',
    NODE_OPTIONS: '--inspect',
    NODE_ENV: 'x',
    ERRAND_A: 'b',
  };
  expect(ownEnv(env)).toEqual({ PATH: '/bin', NODE_ENV: 'x', ERRAND_A: 'b' });
  expect(ownEnv(env, ['PG'])).toEqual({ PATH: '/bin', NODE_ENV: 'x', ERRAND_A: 'b', PGSSLMODE: 'require' });
});
