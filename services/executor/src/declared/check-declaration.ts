import { statSync } from 'node:fs';
import { resolve } from 'node:path';
import { ActionName, MAX_TERMS, RESERVED_ACTION_NAMES } from '@errand/contracts';
import { schemaMistakes } from '@errand/json-schema';
import type { Environment } from './command/environment.ts';
import {
  CALLBACK_URL,
  type Callback,
  type CommandCall,
  type Declaration,
  type HttpCall,
  type Poll,
} from './declaration.ts';
import { termsOf } from './http/called-back.ts';
import { headerMistakes, isHeaderName, secretMistakes } from './http/headers.ts';
import { CALLBACK_PARAMETER, startTemplate } from './http/http-exchange.ts';
import { isPointer } from './http/operation-address.ts';
import { cancelTemplate } from './http/polled-operation.ts';
import { parametersOf, urlMistakes } from './http/url-template.ts';
import type { Mistake } from './yaml/yaml-places.ts';

/** One declared action, with what surrounds it. */
export interface Declared {
  readonly name: string;
  readonly declaration: Declaration;
  /** Of the file; relative paths start there. */
  readonly folder: string;
  readonly env: Environment;
}

/** What no action may be called by. */
export function nameMistakes(name: string): Mistake[] {
  const wrong = (message: string) => [{ path: [], message, isKey: true }];
  if (RESERVED_ACTION_NAMES.includes(name)) return wrong('the API reserves this word');
  const { error } = ActionName.safeParse(name);
  return error ? wrong(error.issues[0]?.message ?? error.message) : [];
}

/** What a well-formed declaration is wrong in all the same. Paths start at the declaration. */
export function checkDeclaration({ declaration, folder, env }: Omit<Declared, 'name'>): Mistake[] {
  const { http, command } = declaration;
  const mistakes = [...schemaMistakesIn(declaration, 'input'), ...schemaMistakesIn(declaration, 'result')];
  if ((http === undefined) === (command === undefined)) {
    mistakes.push({ path: [], message: 'must have http or command, and not both' });
  }
  const parameters = parametersOf(declaration.resource);
  if (new Set(parameters).size < parameters.length) {
    mistakes.push({ path: ['resource'], message: 'names a parameter twice' });
  }
  const { type, properties } = declaration.input as { type?: unknown; properties?: object };
  if (type !== undefined && type !== 'object') {
    mistakes.push({ path: ['input', 'type'], message: "must be object, because a run's body is one" });
  }
  if (properties && Object.hasOwn(properties, '_job')) {
    const message = 'the API keeps job options there';
    mistakes.push({ path: ['input', 'properties', '_job'], message });
  }
  if (http) mistakes.push(...under('http', httpMistakes(http, declaration, env)));
  if (command) mistakes.push(...under('command', commandMistakes(command, folder)));
  return mistakes;
}

function schemaMistakesIn(declaration: Declaration, member: 'input' | 'result'): Mistake[] {
  return schemaMistakes(declaration[member]).map(({ path, detail }) => ({
    path: [member, ...path],
    message: detail,
  }));
}

function httpMistakes(call: HttpCall, declaration: Declaration, env: Environment): Mistake[] {
  const isCallbackUrl = (name: string) => name === CALLBACK_PARAMETER && call.callback !== undefined;
  const mistakes = [
    ...urlMistakes(startTemplate(call.url), declaration, isCallbackUrl),
    ...headerMistakes(call.headers, env),
  ];
  for (const status of call.permanent.filter((each) => call.retry_on.includes(each))) {
    mistakes.push({ path: ['permanent'], message: `${status} is also under retry_on` });
  }
  if (call.method === 'GET' && call.body !== undefined) {
    mistakes.push({ path: ['body'], message: 'a GET has no body; put the values into the url' });
  }
  if (call.poll && call.response !== undefined) {
    mistakes.push({
      path: ['response'],
      message: 'is only for endpoints that are not polled; use poll.result',
    });
  }
  if (call.callback && call.poll) {
    mistakes.push({ path: ['callback'], message: 'an endpoint is polled or calls back, and not both' });
  }
  if (call.callback && call.response !== undefined) {
    const message = 'is only for endpoints that answer at once; use callback.result';
    mistakes.push({ path: ['response'], message });
  }
  const isTold = JSON.stringify([call.url, call.headers, call.body]).includes(CALLBACK_URL);
  if (isTold !== (call.callback !== undefined)) {
    const message = isTold
      ? `${CALLBACK_URL} is only for endpoints with callback`
      : `needs ${CALLBACK_URL} in url, headers or body`;
    mistakes.push({ path: isTold ? [] : ['callback'], message });
  }
  if (new RegExp(`^[^?]*${CALLBACK_URL.replaceAll(/[{}]/g, '\\$&')}`).test(call.url)) {
    mistakes.push({ path: ['url'], message: `${CALLBACK_URL} must be in the query` });
  }
  if (call.callback) mistakes.push(...under('callback', callbackMistakes(call.callback, declaration, env)));
  if (call.poll) mistakes.push(...under('poll', pollMistakes(call.poll, declaration)));
  return mistakes;
}

function pollMistakes({ url, header, cancel }: Poll, declaration: Declaration): Mistake[] {
  const mistakes: Mistake[] = [];
  if ((url === undefined) === (header === undefined)) {
    mistakes.push({ path: [], message: 'must have url or header, and not both' });
  }
  if (header !== undefined && !isHeaderName(header)) {
    mistakes.push({ path: ['header'], message: 'is not a header name' });
  }
  if (url !== undefined && !isPointer(url)) mistakes.push(...urlMistakes(url, declaration, isPointer));
  if (cancel) mistakes.push(...under('cancel', urlMistakes(cancelTemplate(cancel.url), declaration)));
  return mistakes;
}

function callbackMistakes(callback: Callback, declaration: Declaration, env: Environment): Mistake[] {
  const { verify, cancel } = callback;
  const mistakes: Mistake[] = [];
  if (verify && !isHeaderName(verify.header)) {
    mistakes.push({ path: ['verify', 'header'], message: 'is not a header name' });
  }
  const secrets = verify ? secretMistakes(verify.hmac_sha256, env) : [];
  mistakes.push(...secrets.map((message) => ({ path: ['verify', 'hmac_sha256'], message })));
  if (cancel) mistakes.push(...under('cancel', urlMistakes(cancel.url, declaration, isPointer)));
  if (mistakes.length === 0 && Buffer.byteLength(JSON.stringify(termsOf(callback, env))) > MAX_TERMS) {
    mistakes.push({ path: [], message: `has more than ${MAX_TERMS} bytes as JSON, with its secret` });
  }
  return mistakes;
}

function commandMistakes({ cwd }: CommandCall, folder: string): Mistake[] {
  const path = resolve(folder, cwd);
  return isFolder(path) ? [] : [{ path: ['cwd'], message: `there is no folder ${path}` }];
}

function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch {
    return false;
  }
}

function under(key: string, mistakes: readonly Mistake[]): Mistake[] {
  return mistakes.map(({ path, message }) => ({ path: [key, ...path], message }));
}
