export { compileSchema, type SchemaMistake, schemaMistakes, type Validator } from './compile-schema.ts';
export { fragmentOf, pointerToken } from './input-errors.ts';
