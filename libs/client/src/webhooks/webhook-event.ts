import type { ResultLink } from '../jobs/job.ts';

/*
 * The body of a webhook. A later server may say more: read `type` first, and answer 2xx to one that is not known.
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
    /** The caller's metadata of the job; empty if the log no longer holds its request. */
    readonly metadata: Readonly<Record<string, string>>;
    readonly action: string;
    readonly tenant_id: string;
    /** Path parameters of the action, such as `{design_id: 'd-1'}`; empty when `metadata` is. */
    readonly resource: Readonly<Record<string, string>>;
    /** The job's version at its end. Status never answers with an older one after that. */
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
      /** For a job that succeeded. */
      readonly result?: string;
    };
    /** For a job that succeeded, if the endpoint asks for it with `include`; null if it has to be downloaded. */
    readonly results?: unknown;
    /** Comes with `results`: how to download a file, or JSON above 64 KiB; null if there is none. */
    readonly results_link?: ResultLink | null;
  };
}

/** Somebody is testing the endpoint. */
export interface EndpointTest {
  readonly type: 'webhook.test';
  readonly timestamp: string;
  readonly data: { readonly tenant_id: string; readonly endpoint_id: string };
}

/** Another endpoint of the tenant has a problem, or no longer has one. */
export interface EndpointNews {
  readonly type: 'webhook.failing' | 'webhook.disabled' | 'webhook.recovered';
  readonly timestamp: string;
  readonly data: {
    readonly tenant_id: string;
    readonly endpoint_id: string;
    readonly [name: string]: unknown;
  };
}
