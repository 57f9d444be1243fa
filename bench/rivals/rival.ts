/** How many jobs a worker has at work at once: what Errand's executor has of an action that runs in the process. */
export const CONCURRENCY = 16;

/** One side's use of a library, as its documentation says. Every role is a process of its own. */
export interface Rival {
  /** What the server needs that takes runs. */
  connect(url: string): Promise<{
    /** Resolves when the job is as durable as the library makes it. */
    run(): Promise<void>;
    /** Resolves when the job has ended. */
    runAndWait(): Promise<void>;
  }>;
  /** Works on jobs that do nothing; `onEnded` is called once the end of a job is as durable as the library makes it. */
  work(url: string, onEnded: () => void): Promise<void>;
}
