/** The parts of an OpenAPI document that the tests read. */
export interface OpenapiDocument {
  readonly paths: Readonly<Record<string, Readonly<Record<string, OperationObject>>>>;
  readonly components: {
    readonly schemas: Readonly<Record<string, Json>>;
    readonly responses: Readonly<Record<string, ResponseObject>>;
  };
}

export type Json = { readonly [key: string]: unknown };

interface OperationObject {
  readonly operationId: string;
  readonly parameters?: readonly ParameterObject[];
  readonly requestBody?: {
    readonly required: boolean;
    readonly content: Record<string, { schema: Json; example?: Json }>;
  };
  readonly responses: Readonly<Record<string, ResponseObject | { readonly $ref: string }>>;
  readonly security: readonly Json[];
}

interface ParameterObject {
  readonly name: string;
  readonly in: 'path' | 'query' | 'header';
  readonly required?: boolean;
  readonly schema: Json;
}

interface ResponseObject {
  readonly content?: Readonly<Record<string, { readonly schema: Json }>>;
}

export interface Operation extends OperationObject {
  readonly method: string;
  readonly path: string;
}

export function operationsOf({ paths }: OpenapiDocument): Operation[] {
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({
      ...operation,
      method: method.toUpperCase(),
      path,
    })),
  );
}

/** The response that an operation lists for a status. */
export function responseOf(
  { components }: OpenapiDocument,
  { responses }: Operation,
  status: number,
): ResponseObject | undefined {
  const response = responses[status];
  if (!response || !('$ref' in response)) return response;
  return components.responses[response.$ref.slice('#/components/responses/'.length)];
}
