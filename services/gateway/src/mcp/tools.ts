import type { ActionContract } from '@errand/contracts';
import type { Tool } from '@modelcontextprotocol/server';
import type { CatalogueEntry } from '../actions/action-catalogue.ts';
import { parseResourceTemplate } from '../actions/action-path.ts';
import type { Caller } from '../http/authenticate.ts';
import { isFileResult, usableSchemas, withMembers } from '../openapi/action-schemas.ts';
import { embedSchema } from '../openapi/embed-schema.ts';
import type { Schema } from '../openapi/schemas.ts';
import { viewSchemaOf } from './job-result.ts';
import { CANCEL_JOB, GET_JOB } from './job-tools.ts';
import type { McpDeps } from './mcp-group.ts';

/** The tools that a caller's key opens: each action that it may run, and what it may do with jobs. */
export function toolsOf(deps: McpDeps, caller: Caller): Tool[] {
  const runnable = deps.runs.catalogue.list().filter((entry) => mayRun(deps, caller, entry));
  return [
    ...runnable.map(({ contract }) => actionTool(contract)),
    ...(caller.may('jobs:read') ? [GET_JOB] : []),
    ...(caller.may('jobs:cancel') ? [CANCEL_JOB] : []),
  ];
}

/** Whether an action is a tool of a caller. One that is named like a tool for jobs is none. */
export function mayRun({ runs }: McpDeps, caller: Caller, { contract, validate }: CatalogueEntry): boolean {
  const { name } = contract;
  const { actions, jobId } = caller.only;
  const ofTenant = runs.limits.of(caller.tenantId)?.actions;
  const isOwn = (actions?.includes(name) ?? true) && (ofTenant?.includes(name) ?? true);
  const isTaken = name === GET_JOB.name || name === CANCEL_JOB.name;
  return caller.may('runs:write') && jobId === undefined && isOwn && !isTaken && validate !== undefined;
}

/**
 * The members of an action's arguments that are parameters of its resource, by which parameter each one is. A parameter
 * whose name the input's schema has for anything is called `resource_…`.
 */
export function resourceMembersOf({ resource, input_schema }: ActionContract): Map<string, string> {
  const input = JSON.stringify(input_schema);
  const members = new Map<string, string>();
  for (const part of parseResourceTemplate(resource)) {
    if (!('parameter' in part)) continue;
    let member = part.parameter;
    while (input.includes(`"${member}"`)) member = `resource_${member}`;
    members.set(member, part.parameter);
  }
  return members;
}

/** Schemas are large, and most lists have the same ones. */
const tools = new WeakMap<ActionContract, Tool>();

export function actionTool(contract: ActionContract): Tool {
  const known = tools.get(contract);
  if (known) return known;
  const { name, description } = contract;
  const tool: Tool = {
    name,
    description: description || `The action ${name}.`,
    inputSchema: inputSchemaOf(contract),
    outputSchema: outputSchemaOf(contract),
  };
  tools.set(contract, tool);
  return tool;
}

function inputSchemaOf(contract: ActionContract): Tool['inputSchema'] {
  const definitions = embedSchema('Input', usableSchemas(contract).input, refTo);
  const { Input: input = {} } = definitions;
  const description = `Of the resource ${contract.resource}.`;
  const parameter = { type: 'string', minLength: 1, maxLength: 200, description };
  const names = [...resourceMembersOf(contract).keys()];
  const members = Object.fromEntries(names.map((name) => [name, parameter]));
  const schema = names.length === 0 ? input : withMembers(input, definitions, members);
  const required = [...names, ...((schema.required as string[] | undefined) ?? [])];
  return { ...schema, type: 'object', required, ...definitionsOf(definitions) };
}

function outputSchemaOf(contract: ActionContract): Tool['outputSchema'] {
  if (isFileResult(contract)) return { ...viewSchemaOf({ type: 'null' }), type: 'object' };
  const definitions = embedSchema('Result', usableSchemas(contract).result, refTo);
  return { ...viewSchemaOf(definitions.Result ?? {}), type: 'object', ...definitionsOf(definitions) };
}

/** The definitions of a schema, if anything refers to one. */
function definitionsOf(definitions: Record<string, Schema>): { $defs?: Record<string, Schema> } {
  return JSON.stringify(definitions).includes(`"${DEFINITIONS}`) ? { $defs: definitions } : {};
}

const DEFINITIONS = '#/$defs/';

function refTo(id: string): Schema {
  return { $ref: DEFINITIONS + id };
}
