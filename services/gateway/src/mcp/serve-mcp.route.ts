import type { InputError, KeyScope } from '@errand/contracts';
import { assertMay } from '../http/authenticate.ts';
import { defineRoute } from '../http/define-route.ts';
import { Refusal } from '../http/problem.ts';
import { assertFlawless, isObject, readFlawedJsonObject } from '../http/read-body.ts';
import type { Ctx } from '../http/request-log.ts';
import { EVENT_STREAM } from '../openapi/job-answers.ts';
import type { Answer } from '../openapi/operation.ts';
import * as parameters from '../openapi/parameters.ts';
import type { McpDeps, McpGroup } from './mcp-group.ts';

/* Messages of JSON-RPC, of which MCP describes the methods. */
const jsonrpc = { type: 'string', const: '2.0' };
const request = {
  type: 'object',
  properties: { jsonrpc, id: { type: ['string', 'integer'] }, method: { type: 'string' }, params: {} },
  required: ['jsonrpc', 'method'],
};
const response = {
  type: 'object',
  properties: {
    jsonrpc,
    id: { type: ['string', 'integer', 'null'] },
    result: { type: 'object' },
    error: { type: 'object' },
  },
};
const refused: Answer = {
  description: 'a message that MCP does not allow, with an error of JSON-RPC',
  content: { 'application/json': { schema: response } },
};

/** The tenant's actions as tools of the Model Context Protocol, over its streamable HTTP. Nothing is kept between requests. */
export const serveMcp = defineRoute({
  method: 'post',
  path: '/v2/tenants/{tenant_id}/mcp',
  key: 'tenant',
  scope: 'any',
  query: 'none',
  keyLimits: 'kept',
  id: 'serveMcp',
  tag: 'Runs',
  summary: 'Actions as tools of an agent',
  description:
    'The Model Context Protocol (MCP), revisions 2026-07-28 and before: one message of JSON-RPC. Needs `Accept: application/json, ' +
    'text/event-stream`. Inputs that a tool refuses are results of the call, not errors of HTTP.',
  parameters: [parameters.tenantId, parameters.idempotencyKey, parameters.prefer, parameters.traceparent],
  body: { schema: request, required: true },
  answers: {
    200: {
      description: 'The answer to a request.',
      content: { 'application/json': { schema: response }, ...EVENT_STREAM },
    },
    202: { description: 'A notification was taken in.' },
    400: refused,
    404: refused,
    406: refused,
  },
  handle: (deps: McpDeps) => async (c, caller) => {
    assertOrigin(c, deps.mcp);
    const limits = deps.runs.limits.bodyLimits(caller.tenantId, deps.http);
    const { body, flaws } = await readFlawedJsonObject(c, limits);
    const flawsOfArguments = ofArguments(flaws);
    if (flawsOfArguments.length < flaws.length) assertFlawless(flaws);
    assertId(body.id);
    const scope = scopeOf(body);
    if (scope) assertMay(caller, scope);
    // What MCP needs is loaded only where it is spoken.
    const { answerMcp } = await import('./answer-mcp.ts');
    return answerMcp(c, deps, { caller, body, flaws: flawsOfArguments });
  },
});

/**
 * Refuses pages whose origin is not allowed, as MCP wants it: one whose own name was made to resolve to this gateway (DNS
 * rebinding) sends its origin, too.
 * @throws Refusal forbidden
 */
function assertOrigin(c: Ctx, { origins, hosts = [] }: McpGroup['mcp']): void {
  const origin = c.req.raw.headers.get('origin');
  if (origin === null || origins.includes('*') || origins.includes(origin)) return;
  if (URL.canParse(origin) && hosts.includes(new URL(origin).hostname)) return;
  throw new Refusal('forbidden', { detail: 'Pages of this origin may not call tools.' });
}

/** The SDK would take any number, and answer with it. @throws Refusal invalid_input */
function assertId(id: unknown): void {
  if (typeof id !== 'number' || Number.isInteger(id)) return;
  const error = { pointer: '#/id', code: 'type', detail: 'must be a string or a whole number' };
  throw new Refusal('invalid_input', { errors: [error] });
}

/** What a key needs for a message. */
function scopeOf({ method, params }: Record<string, unknown>): KeyScope | undefined {
  switch (method) {
    case 'tools/call': {
      const name = isObject(params) ? params.name : undefined;
      if (name === 'get_job') return 'jobs:read';
      return name === 'cancel_job' ? 'jobs:cancel' : 'runs:write';
    }
    case 'tasks/get':
    case 'tasks/update':
      return 'jobs:read';
    case 'tasks/cancel':
      return 'jobs:cancel';
    default:
      return undefined;
  }
}

const ARGUMENTS = '#/params/arguments/';

/** The flaws of a tool's arguments, with pointers into these. Values that are nested too deeply are none: nothing reads them. */
function ofArguments(flaws: readonly InputError[]): InputError[] {
  return flaws.flatMap(({ pointer = '', ...flaw }) =>
    pointer.startsWith(ARGUMENTS) && flaw.code !== 'nested_too_deeply'
      ? [{ pointer: `#/${pointer.slice(ARGUMENTS.length)}`, ...flaw }]
      : [],
  );
}
