export { type SchemaMistake, schemaMistakes } from './check-schema.ts';
export { compileSchema, type Validator } from './compile-schema.ts';
export { type CheckSteps, createSteps } from './step-limit.ts';
