export { type Command, type Decision, decide, dueOf, type Rejection } from './decide.ts';
export { wasIsolated } from './isolation.ts';
export {
  evolve,
  foldJob,
  isEnded,
  type JobRequest,
  type JobState,
  mergeJobStates,
  type Register,
} from './job.ts';
export { type Operation, operationOf } from './operation.ts';
export { type RecordedRequest, requestIn } from './request.ts';
export { type RetryPolicy, retryDelayMs } from './retry-policy.ts';
export { expiresAtMs, resultLinkOf, summarize } from './summary.ts';
