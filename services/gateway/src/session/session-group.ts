import type { Authenticator } from '../http/authenticate.ts';
import type { Tokens } from '../http/tokens.ts';
import type { OneTimeCodes } from './one-time-codes.ts';
import type { Sessions } from './session-cookie.ts';

/** For handlers of the console's sessions. */
export interface SessionGroup {
  readonly session: {
    readonly sessions: Sessions;
    readonly codes: OneTimeCodes;
    /** What sign-in codes are of: those of another admin key do not open. */
    readonly codesOf: string;
    readonly tokens: Pick<Tokens, 'read'>;
    readonly whoIs: Authenticator['whoIs'];
    /** Unix milliseconds. */
    readonly now: () => number;
  };
}
