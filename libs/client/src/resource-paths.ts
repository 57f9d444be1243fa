import { getAction } from './actions.ts';
import { ErrandError } from './errors.ts';
import { encodeWord, path } from './path.ts';
import type { Transport } from './transport.ts';

interface Addressed {
  readonly action: string;
  readonly resource: Readonly<Record<string, string>>;
  readonly signal: AbortSignal | undefined;
}

/** Finds the paths of actions. */
export interface ResourcePaths {
  /**
   * Calls with the path of an action and its resource. Where the parameters stand in it is for the action's contract to
   * say, which is asked for once; when the server knows no action at a path, the contract is asked for again.
   */
  at<T>(addressed: Addressed, call: (actionPath: string) => Promise<T>): Promise<T>;
}

export function createResourcePaths(transport: Transport): ResourcePaths {
  const templates = new Map<string, string>();

  async function find({ action, resource, signal }: Addressed): Promise<string> {
    if (Object.keys(resource).length === 0) return path`/${action}`;
    let template = templates.get(action);
    if (template === undefined) {
      template = (await getAction(transport, action, signal)).resource;
      templates.set(action, template);
    }
    return `${fill(action, template, resource)}/${encodeWord(action)}`;
  }

  return {
    async at(addressed, call) {
      const isKnown = templates.has(addressed.action);
      const actionPath = await find(addressed);
      try {
        return await call(actionPath);
      } catch (error) {
        if (!(error instanceof ErrandError && error.code === 'unknown_action')) throw error;
        templates.delete(addressed.action);
        const other = isKnown ? await find(addressed) : actionPath;
        if (other === actionPath) throw error;
        return call(other);
      }
    },
  };
}

/** @throws TypeError where the parameters are not those of the path */
function fill(action: string, template: string, resource: Readonly<Record<string, string>>): string {
  const names = [...template.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => name);
  const given = Object.keys(resource);
  const wrong = [
    ...names.filter((name) => !given.includes(name)),
    ...given.filter((name) => !names.includes(name)),
  ];
  if (wrong.length > 0) {
    throw new TypeError(
      `${action} is at '${template}'; its resource lacks or has too much: ${wrong.join(', ')}`,
    );
  }
  return template
    .split('/')
    .filter((word) => word !== '')
    .map((word) => `/${word.startsWith('{') ? encodeWord(resource[word.slice(1, -1)]) : word}`)
    .join('');
}
