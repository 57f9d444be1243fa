import { ApiError, ErrandError, UsageError } from '../errors.ts';
import { checkObject } from '../http/check-options.ts';
import { untilAborted } from '../http/deadline.ts';
import { encodeWord, path } from '../http/path.ts';
import type { Transport } from '../http/transport.ts';
import { getAction } from './actions.ts';

interface Addressed {
  readonly action: string;
  readonly resource: Readonly<Record<string, string>>;
  readonly signal: AbortSignal | undefined;
}

/** Finds the paths of actions. */
export interface ResourcePaths {
  /**
   * Calls with the path of an action and its resource. The action's contract says where the parameters are in it; it is
   * fetched once, however many calls there are. It is fetched again when the server knows no action at a path, and
   * before a resource is refused that does not fit a contract fetched earlier: the action may have moved.
   * @throws UsageError for a resource that is not the action's; ErrandError `unknown_action` for an action that does
   * not exist
   */
  at<T>(addressed: Addressed, call: (actionPath: string) => Promise<T>): Promise<T>;
}

export function createResourcePaths(transport: Transport): ResourcePaths {
  /** Fetched without the first caller's signal, since all callers share them. */
  const templates = new Map<string, Promise<string>>();

  function templateOf(action: string): Promise<string> {
    const known = templates.get(action);
    if (known !== undefined) return known;
    const asked = askTemplate(transport, action);
    templates.set(action, asked);
    asked.catch(() => forget(action, asked));
    return asked;
  }

  function forget(action: string, template: Promise<string> | undefined): void {
    if (templates.get(action) === template) templates.delete(action);
  }

  return {
    async at({ action, resource, signal }, call) {
      checkObject(resource, 'the resource');
      for (const value of Object.values(resource)) encodeWord(value);
      let known = templates.get(action);
      const fillNow = async () => fill(action, await untilAborted(templateOf(action), signal), resource);
      async function find(): Promise<string> {
        try {
          return await fillNow();
        } catch (error) {
          if (!(error instanceof UsageError) || known === undefined) throw error;
          forget(action, known);
          known = undefined;
          return fillNow();
        }
      }
      const actionPath = Object.keys(resource).length === 0 ? path`/${action}` : await find();
      try {
        return await call(actionPath);
      } catch (error) {
        if (!(error instanceof ErrandError && error.code === 'unknown_action')) throw error;
        forget(action, known);
        known = undefined;
        const other = await find();
        if (other === actionPath) throw error;
        return call(other);
      }
    },
  };
}

async function askTemplate(transport: Transport, action: string): Promise<string> {
  try {
    return (await getAction(transport, action)).resource;
  } catch (error) {
    if (!(error instanceof ErrandError && error.code === 'unknown_action')) throw error;
    throw unknownAction(error, `there is no action '${action}'`);
  }
}

/** The server's refusal, with an explanation. */
function unknownAction(cause: ErrandError, detail: string): ErrandError {
  const { code, status, requestId } = cause;
  return new ApiError(code, { detail, status, requestId, cause });
}

/** The parameters of a resource's path, such as `designs/{design_id}`, in their order. */
export function resourceParameters(resource: string): string[] {
  return [...resource.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => name);
}

/** @throws UsageError if the parameters are not those of the path */
function fill(action: string, template: string, resource: Readonly<Record<string, string>>): string {
  const names = resourceParameters(template);
  const given = Object.keys(resource);
  const missing = names.filter((name) => !given.includes(name)).join(', ');
  const excess = given.filter((name) => !names.includes(name)).join(', ');
  if (missing || excess) {
    const place = names.length > 0 ? `is at '${template}'` : 'has no path parameters';
    const faults = [missing && `lacks ${missing}`, excess && `must not have ${excess}`].filter(Boolean);
    throw new UsageError(`${action} ${place}: its resource ${faults.join(' and ')}`);
  }
  const words = template.split('/').filter((word) => word !== '');
  return [...words, action]
    .map((word) => `/${word.startsWith('{') ? encodeWord(resource[word.slice(1, -1)]) : encodeWord(word)}`)
    .join('');
}
