import type { Tokens } from '../http/tokens.ts';

/** For handlers that make tokens. */
export interface KeysGroup {
  readonly keys: Pick<Tokens, 'makeChild'>;
}
