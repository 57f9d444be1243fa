export { z } from 'zod';
export { BadDefinition } from './check-definition.ts';
export {
  type Action,
  type ActionOptions,
  type Attempt,
  type DefinedAction,
  defineAction,
  type ValueIssue,
  type ValueSchema,
} from './define-action.ts';
export { PermanentError, ResultNotStored } from './errors.ts';
export { FileResult, type OtherJob, type ResultFile, type SavedResult } from './result-file.ts';
export {
  type LogCall,
  type ProgressCall,
  type Tested,
  type TestedFile,
  type TestFault,
  type TestOptions,
  testAction,
} from './test-action.ts';
