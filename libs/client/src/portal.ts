import { checkObject, checkOptions, type Members } from './http/check-options.ts';
import { path } from './http/path.ts';
import type { Transport } from './http/transport.ts';
import { CALL, type CallOptions } from './jobs/run.ts';

export interface PortalOptions extends CallOptions {
  /** What the customer may do, such as `jobs:read`; all of it must be among what the client's key may. */
  readonly scopes: readonly string[];
  /** Only jobs with these entries of metadata. */
  readonly metadataFilter?: Readonly<Record<string, string>>;
  /** Default: an hour; at most a day. */
  readonly ttlMs?: number;
  /** Origins whose pages may frame it, such as `https://app.example.org`. */
  readonly frameAncestors?: readonly string[];
  readonly theme?: 'system' | 'light' | 'dark';
}

export interface PortalSession {
  readonly session_id: string;
  readonly key_id: string;
  readonly scopes: readonly string[];
  readonly metadata_filter?: Readonly<Record<string, string>>;
  readonly frame_ancestors: readonly string[];
  readonly theme: 'system' | 'light' | 'dark';
  /** RFC 3339. */
  readonly created_at: string;
  readonly expires_at: string;
}

export interface NewPortalSession extends PortalSession {
  /** Of the page, below the client's `url`, with a code that opens it once. */
  readonly path: string;
  readonly code_expires_at: string;
}

/** Pages that show a tenant's customer their jobs. */
export interface Portal {
  /** @throws ErrandError `too_many_portal_sessions` */
  create(options: PortalOptions): Promise<NewPortalSession>;
  /** Those that have not ended, newest first. */
  list(options?: CallOptions): Promise<PortalSession[]>;
  /** Ends it wherever it is open. @throws ErrandError `unknown_portal_session` */
  revoke(sessionId: string, options?: CallOptions): Promise<void>;
}

const OPTIONS: Members<PortalOptions> = {
  scopes: true,
  metadataFilter: true,
  ttlMs: true,
  frameAncestors: true,
  theme: true,
  signal: true,
};
const SESSIONS = '/portal-sessions';

export function createPortal(transport: Transport): Portal {
  return {
    async create(options) {
      checkObject(options, 'options');
      checkOptions(options, OPTIONS);
      const { scopes, metadataFilter, ttlMs, frameAncestors, theme, signal } = options;
      const body = {
        scopes,
        metadata_filter: metadataFilter,
        ttl_s: ttlMs === undefined ? undefined : Math.max(1, Math.round(ttlMs / 1_000)),
        frame_ancestors: frameAncestors,
        theme,
      };
      return transport.json({ method: 'POST', path: SESSIONS, body, isRepeatable: true, signal });
    },
    async list(options = {}) {
      checkOptions(options, CALL);
      const { signal } = options;
      const request = { method: 'GET', path: SESSIONS, signal } as const;
      return (await transport.json<{ portal_sessions: PortalSession[] }>(request)).portal_sessions;
    },
    async revoke(sessionId, options = {}) {
      checkOptions(options, CALL);
      const { signal } = options;
      await transport.json({
        method: 'DELETE',
        path: path`/portal-sessions/${sessionId}`,
        isRepeatable: false,
        signal,
      });
    },
  };
}
