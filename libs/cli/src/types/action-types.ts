import { type ActionContract, resourceParameters } from '@errand/client';
import { causeOf } from '@errand/client/for-command';
import { compile, type JSONSchema } from 'json-schema-to-typescript';
import type { Schema } from './schema-refs.ts';
import { createDefinitions, type Definitions, typeSchema } from './type-schema.ts';

const HEAD = `/*
 * What a tenant's actions take and give. Written by \`errand types\`; run it again when actions change.
 */`;

/**
 * TypeScript for `createErrand<Actions>()`: an interface with the input, the result and the path parameters of each
 * action. Contracts come from a server, so no reference out of them is followed. An action whose schemas cannot be
 * typed takes and returns unknown; `warn` is told of it.
 */
export async function actionTypes(
  contracts: readonly ActionContract[],
  warn: (line: string) => void = () => {},
): Promise<string> {
  try {
    return await compileAll(contracts);
  } catch {
    return compileAll(await Promise.all(contracts.map((contract) => compilable(contract, warn))));
  }
}

async function compilable(contract: ActionContract, warn: (line: string) => void): Promise<ActionContract> {
  try {
    await compileAll([contract]);
    return contract;
  } catch (error) {
    warn(`${contract.name}: cannot generate types from its schemas, so they are unknown: ${causeOf(error)}`);
    return { ...contract, input_schema: {}, result_schema: {} };
  }
}

function compileAll(contracts: readonly ActionContract[]): Promise<string> {
  const definitions = createDefinitions();
  const named = contracts.map((contract) => [contract.name, schemaOf(contract, definitions)]);
  const document = { ...objectOf(Object.fromEntries(named)), definitions: definitions.all };
  return compile(document as JSONSchema, 'Actions', {
    bannerComment: HEAD,
    additionalProperties: false,
    style: { singleQuote: true, printWidth: 110 },
    $refOptions: { resolve: { external: false } },
  });
}

function schemaOf(contract: ActionContract, definitions: Definitions): Schema {
  const { description, resource, input_schema, result_schema } = contract;
  const parameters = resourceParameters(resource).map((parameter) => [parameter, { type: 'string' }]);
  return {
    ...objectOf({
      input: typeSchema(input_schema, definitions),
      result: typeSchema(result_schema, definitions),
      resource: objectOf(Object.fromEntries(parameters)),
    }),
    ...(description === '' ? {} : typeSchema({ description }, definitions)),
  };
}

function objectOf(properties: Record<string, Schema>): Schema {
  return { type: 'object', properties, required: Object.keys(properties), additionalProperties: false };
}
