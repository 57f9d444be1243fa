export { type Action, type ActionOptions, type Attempt, defineAction } from './define-action.ts';
export { PermanentError } from './errors.ts';
export { FileResult, type OtherJob, type ResultFile, type SavedResult } from './result-file.ts';
