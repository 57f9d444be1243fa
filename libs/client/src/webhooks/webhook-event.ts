import type { ResultLink } from '../jobs/job.ts';

/*
 * What a webhook's body says. A later server may say more: read `type` first, and answer 2xx to one that is not known.
 */

export type WebhookEvent = JobEnded | EndpointTest | EndpointNews;

/** A job has ended. */
export interface JobEnded {
  readonly type: 'job.succeeded' | 'job.failed' | 'job.canceled' | 'job.expired';
  /** RFC 3339, UTC: when the job ended. */
  readonly timestamp: string;
  readonly data: {
    readonly job_id: string;
    readonly status: 'succeeded' | 'failed' | 'canceled' | 'expired';
    /** What the caller hung on the job; empty if the log no longer holds its request. */
    readonly metadata: Readonly<Record<string, string>>;
    readonly action: string;
    readonly tenant_id: string;
    /** Path parameters of the action, such as `{design_id: 'd-1'}`; empty as `metadata` is. */
    readonly resource: Readonly<Record<string, string>>;
    /** The job's version at its end. Status never answers an older one after that. */
    readonly version: number;
    readonly finished_at: string;
    /** Why the job did not succeed. Absent when there is nothing to say. */
    readonly errors?: readonly {
      readonly code: string;
      readonly message: string;
      readonly details?: readonly unknown[];
    }[];
    /** `status` is absent while the job's action is not announced by any executor. */
    readonly links: {
      readonly status?: string;
      readonly job: string;
      /** Of a job that has succeeded. */
      readonly result?: string;
    };
    /** Of a job that has succeeded, where the endpoint asks for it with `include`; null if it has to be downloaded. */
    readonly results?: unknown;
    /** Beside `results`: how to download a file, or JSON above 64 KiB; null where there is none. */
    readonly results_link?: ResultLink | null;
  };
}

/** Somebody tries the endpoint out. */
export interface EndpointTest {
  readonly type: 'webhook.test';
  readonly timestamp: string;
  readonly data: { readonly tenant_id: string; readonly endpoint_id: string };
}

/** Something is the matter with another endpoint of the tenant, or no longer is. */
export interface EndpointNews {
  readonly type: 'webhook.failing' | 'webhook.disabled' | 'webhook.recovered';
  readonly timestamp: string;
  readonly data: {
    readonly tenant_id: string;
    readonly endpoint_id: string;
    readonly [name: string]: unknown;
  };
}
