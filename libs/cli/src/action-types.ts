import type { ActionContract } from '@errand/client';
import { compile, type JSONSchema } from 'json-schema-to-typescript';
import { type Schema, typeSchema } from './type-schema.ts';

const HEAD = `/*
 * What a tenant's actions take and give. Written by \`errand types\`; run it again when actions change.
 */`;

/**
 * TypeScript for `createErrand<Actions>()`: an interface with the input, the result and the path parameters of each
 * action. Contracts come from a server, so nothing that they refer to outside of themselves is read.
 */
export function actionTypes(contracts: readonly ActionContract[]): Promise<string> {
  const named = contracts.map((contract): [string, Schema] => [contract.name, schemaOf(contract)]);
  return compile(objectOf(Object.fromEntries(named)) as JSONSchema, 'Actions', {
    bannerComment: HEAD,
    additionalProperties: false,
    style: { singleQuote: true, printWidth: 110 },
    $refOptions: { resolve: { external: false } },
  });
}

function schemaOf(contract: ActionContract): Schema {
  const { name, description, resource, input_schema, result_schema } = contract;
  const place = `#/properties/${name}/properties`;
  const parameters = [...resource.matchAll(/\{(\w+)\}/g)].map(([, parameter = '']) => [
    parameter,
    { type: 'string' },
  ]);
  return {
    ...objectOf({
      input: typeSchema(input_schema, `${place}/input`),
      result: typeSchema(result_schema, `${place}/result`),
      resource: objectOf(Object.fromEntries(parameters)),
    }),
    ...(description === '' ? {} : typeSchema({ description }, '')),
  };
}

function objectOf(properties: Record<string, Schema>): Schema {
  return { type: 'object', properties, required: Object.keys(properties), additionalProperties: false };
}
