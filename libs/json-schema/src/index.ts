export { type SchemaMistake, schemaMistakes } from './check-schema.ts';
export { compileSchema, type Validator } from './compile-schema.ts';
export { fragmentOf, pointerToken } from './input-errors.ts';
