import type { Authenticator } from '../http/authenticate.ts';
import type { Tokens } from '../http/tokens.ts';
import type { Sessions } from './session-cookie.ts';
import type { SignInCodes } from './sign-in-codes.ts';

/** For handlers of the console's sessions. */
export interface SessionGroup {
  readonly session: {
    readonly sessions: Sessions;
    readonly codes: SignInCodes;
    readonly tokens: Pick<Tokens, 'read'>;
    readonly whoIs: Authenticator['whoIs'];
    /** Unix milliseconds. */
    readonly now: () => number;
  };
}
