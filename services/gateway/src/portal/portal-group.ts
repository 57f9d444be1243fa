import type { Tokens } from '../http/tokens.ts';
import type { OneTimeCodes } from '../session/one-time-codes.ts';
import type { PortalSessions } from './portal-sessions.ts';

/** For handlers of portal sessions. */
export interface PortalGroup {
  readonly portal: {
    readonly sessions: PortalSessions;
    readonly codes: OneTimeCodes;
    readonly makeChild: Tokens['makeChild'];
    /** How many a tenant may have at a time. */
    readonly perTenant: number;
    /** Unix milliseconds. */
    readonly now: () => number;
  };
}
