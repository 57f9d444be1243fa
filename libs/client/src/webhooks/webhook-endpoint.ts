import type { EndingType } from '../jobs/feed.ts';

/* Where a tenant receives the ends of its jobs, under the API's own names. */

export type WebhookEventFilter =
  | EndingType
  | 'job.*'
  | 'webhook.failing'
  | 'webhook.disabled'
  | 'webhook.recovered'
  | 'webhook.*';

interface BasicAuth {
  readonly username: string;
  readonly password: string;
}

/** The parts of an endpoint; see the API's page for what each member means. */
export interface EndpointDraft {
  readonly url: string;
  readonly method?: 'POST' | 'GET';
  readonly description?: string;
  readonly enabled?: boolean;
  /** Default: the four endings. */
  readonly event_types?: readonly WebhookEventFilter[];
  readonly actions?: readonly string[] | null;
  readonly metadata?: Readonly<Record<string, string>> | null;
  /** What bodies carry in addition. */
  readonly include?: readonly 'results'[] | null;
  readonly max_rps?: number | null;
  readonly max_concurrency?: number | null;
  /** After which it ends as if it were deleted; giving it again restarts the time. */
  readonly expires_in_s?: number | null;
  readonly basic_auth?: BasicAuth | null;
  readonly secret_headers?: Readonly<Record<string, string>>;
  /** `whsec_` and the key in base64; the server makes one if it is missing. */
  readonly signing_secret?: string;
}

/** Null removes a member, or one of the headers. */
export type EndpointChange = Partial<Omit<EndpointDraft, 'secret_headers'>> & {
  readonly secret_headers?: Readonly<Record<string, string | null>>;
};

/** What requests are signed with, by fingerprint. */
export interface Signer {
  readonly tenant_id: string;
  readonly signing_secret_fingerprint: string | null;
  readonly previous_signing_secrets: readonly {
    readonly fingerprint: string | null;
    readonly expires_at: string;
  }[];
  readonly created_at: string;
  readonly updated_at: string;
}

export interface WebhookEndpoint extends Signer {
  readonly endpoint_id: string;
  readonly url: string;
  readonly method: 'POST' | 'GET';
  readonly description: string;
  readonly enabled: boolean;
  readonly event_types: readonly WebhookEventFilter[];
  readonly actions: readonly string[] | null;
  readonly metadata: Readonly<Record<string, string>> | null;
  readonly include: readonly 'results'[] | null;
  readonly max_rps: number | null;
  readonly max_concurrency: number | null;
  readonly expires_at: string | null;
  readonly basic_auth: { readonly username: string; readonly password_fingerprint: string | null } | null;
  readonly secret_headers: readonly { readonly name: string; readonly fingerprint: string | null }[];
}

/** The only answer that has the secret itself. */
export type WithSecret<T> = T & { readonly signing_secret: string };

/** `health` is null while the server cannot ask its database. */
export interface WatchedEndpoint extends WebhookEndpoint {
  readonly health: {
    readonly state: 'active' | 'failing' | 'disabled' | 'paused';
    readonly failing_since: string | null;
    readonly disabled_reason: 'gone' | 'failing' | null;
    readonly next_probe_at: string | null;
    readonly last_success_at: string | null;
    readonly last_failure_at: string | null;
    readonly backlog: {
      readonly pending: number;
      readonly pending_is_capped: boolean;
      readonly oldest_at: string | null;
    };
  } | null;
}

/** The outcome of one call of a receiver. Secrets in its headers are blanked out. */
interface Exchange {
  readonly started_at: string;
  readonly duration_ms: number;
  readonly status: number | null;
  readonly error_code: string | null;
  readonly request_headers: Readonly<Record<string, string>>;
  readonly response: string | null;
}

export interface EndpointTrial extends Exchange {
  readonly event_id: string;
  readonly outcome: 'delivered' | 'failed';
}

export interface DeliveryAttempt extends Exchange {
  readonly number: number;
  readonly trigger: string;
}

export type DeliveryStatus = 'pending' | 'delivered' | 'failed' | 'expired' | 'canceled';

export interface Delivery {
  readonly delivery_id: string;
  readonly event_id: string;
  readonly endpoint_id: string;
  readonly job_id: string | null;
  readonly action: string | null;
  readonly type: string;
  readonly status: DeliveryStatus;
  readonly attempts: number;
  readonly next_attempt_at: string | null;
  readonly expires_at: string;
  readonly url: string;
  readonly created_at: string;
  readonly updated_at: string;
}

export interface Redelivery {
  readonly delivery_id: string;
  readonly attempts: number;
  readonly due_at: string;
}

export type ReplayKind = 'failed' | 'expired' | 'missed' | 'all';

interface ReplayLinks {
  readonly replay: string;
  readonly cancel: string;
}

export interface StartedReplay {
  readonly replay_id: string;
  readonly endpoint_id: string;
  readonly state: 'running';
  readonly dry_run: boolean;
  readonly links: ReplayLinks;
}

export interface Replay {
  readonly replay_id: string;
  readonly endpoint_id: string;
  readonly state: 'running' | 'done' | 'failed' | 'canceled';
  readonly since: string;
  readonly until: string;
  readonly only: ReplayKind;
  readonly types: readonly EndingType[] | null;
  readonly dry_run: boolean;
  readonly matched: number;
  readonly scheduled: number;
  readonly error: string | null;
  readonly created_at: string;
  readonly updated_at: string;
  readonly links: ReplayLinks;
}
