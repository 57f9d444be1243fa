export { type SchemaMistake, schemaMistakes } from './check-schema.ts';
export { compileSchema, type Validator } from './compile-schema.ts';
