import { type JobStatus, ResultLink } from '@errand/contracts';

/** The `result` of an action whose result is a file: what callers read of it, at `results_link`. */
export const FileResult = ResultLink;

/** A file that an action makes, piece by piece if it likes. */
export interface ResultFile {
  /** A media type such as `application/pdf`. */
  readonly contentType: string;
  /** What a download is called: at most 200 characters, no slash. */
  readonly filename?: string;
  /** The next piece is read only when there is room for it, so a file need never be in memory. A Readable works. */
  readonly body: AsyncIterable<Uint8Array> | Iterable<Uint8Array>;
}

/** A stored file, for `run` to return. Only the object that `saveResult` returned in this attempt counts. */
export interface SavedResult {
  readonly bytes: number;
  /** In lower-case hex. */
  readonly sha256: string;
}

/** What an action may know of another job of its tenant. */
export type OtherJob =
  | {
      readonly kind: 'succeeded';
      readonly action: string;
      readonly resource: Readonly<Record<string, string>>;
      /** As that action returned it: nothing has checked that it is what this one expects. */
      readonly result: unknown;
    }
  | { readonly kind: 'not_succeeded'; readonly status: JobStatus }
  /** It succeeded with a file that is not JSON. */
  | { readonly kind: 'not_json' }
  /** There is no such job, or the log no longer holds it. */
  | { readonly kind: 'unknown' };
