import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import { type Json, type OpenapiDocument, type Operation, responseOf } from './openapi-document.ts';

export interface SeenAnswer {
  readonly status: number;
  readonly contentType: string;
  readonly text: string;
  /** It was a stream, or long, so only its beginning was read. */
  readonly isCut: boolean;
}

/**
 * Reports what an operation's answer has that the document does not promise. That includes members that the document
 * does not name, although it leaves answers open.
 */
export function createAnswerCheck(document: OpenapiDocument) {
  const components = { ...document.components, schemas: closedSchemas(document.components.schemas) };
  const compiled = new Map<Json, ValidateFunction>();

  function errorsOf(schema: Json, value: unknown): string[] {
    let validate = compiled.get(schema);
    if (!validate) {
      const ajv = new Ajv2020({ strict: false, validateFormats: false, logger: false });
      validate = ajv.compile({ ...closed(schema), components });
      compiled.set(schema, validate);
    }
    if (validate(value)) return [];
    return (validate.errors ?? []).map(
      ({ instancePath, message = '', params }) =>
        `${instancePath.replaceAll(/\d+/g, '*')} ${message} ${JSON.stringify(params)}`,
    );
  }

  return (operation: Operation, { status, contentType, text, isCut }: SeenAnswer): string[] => {
    const response = responseOf(document, operation, status);
    if (!response) return [`status ${status} is not listed: ${text.slice(0, 300)}`];
    const content = response.content ?? {};
    const type = contentType.split(';')[0] ?? '';
    if (Object.keys(content).length === 0) return text === '' ? [] : ['a body where none is listed'];
    if (status >= 400 && type !== 'application/problem+json' && !(type in content)) {
      return [`an error as ${type || 'nothing'}`];
    }
    const media = content[type] ?? content['*/*'];
    if (!media) return [`${type || 'no type'} is not listed for ${status}`];
    if (isCut || !/[/+]json$/.test(type)) return [];
    return errorsOf(media.schema, JSON.parse(text));
  };
}

export function closedSchemas(schemas: Readonly<Record<string, Json>>): Record<string, Json> {
  // A problem is always narrowed by another schema next to it.
  return Object.fromEntries(
    Object.entries(schemas).map(([id, schema]) => [id, id === 'Problem' ? schema : closed(schema)]),
  );
}

export function closed<T>(schema: T): T {
  if (Array.isArray(schema)) return schema.map(closed) as T;
  if (typeof schema !== 'object' || schema === null || 'allOf' in schema) return schema;
  const entries = Object.entries(schema).map(([key, value]) => [
    key,
    key === 'properties' ? mapValues(value as Json) : closed(value),
  ]);
  const isOpen = 'properties' in schema && !('additionalProperties' in schema);
  return Object.fromEntries(isOpen ? [...entries, ['additionalProperties', false]] : entries) as T;
}

function mapValues(properties: Json): Json {
  return Object.fromEntries(Object.entries(properties).map(([name, each]) => [name, closed(each)]));
}
