export { z } from 'zod';
export { BadDefinition } from './check-definition.ts';
export {
  type Action,
  type ActionOptions,
  type Attempt,
  type CallbackOptions,
  type DefinedAction,
  defineAction,
  type ValueIssue,
  type ValueSchema,
} from './define-action.ts';
export { CallbackUnavailable, PermanentError, ResultNotStored } from './errors.ts';
export { type CallbackDeferral, defer } from './operation.ts';
export { FileResult, type OtherJob, type ResultFile, type SavedResult } from './result-file.ts';
export {
  type LogCall,
  type ProgressCall,
  TEST_CALLBACK_URL,
  type Tested,
  type TestedFile,
  type TestFault,
  type TestOptions,
  testAction,
} from './test-action.ts';
