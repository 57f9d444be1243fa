import type { Bus } from '@errand/bus';
import type { CallbackKey } from '@errand/contracts';
import { type CallbackKeys, sealAnswer } from '@errand/runtime';

/** Tells executors the keys of their actions' callbacks. Resolves with the way to stop. */
export function answerCallbackKeys(
  commands: Pick<Bus['commands'], 'answerCallbackKeys'>,
  { keys, publicUrl }: { keys: CallbackKeys; publicUrl: string },
): Promise<() => void> {
  const base_url = `${publicUrl.replace(/\/+$/, '')}/callbacks/`;
  return commands.answerCallbackKeys((action, request) => {
    const answer: CallbackKey = { key: keys.keyOf(action).base64, base_url };
    const { publicKey, sealed } = sealAnswer(JSON.stringify(answer), request.public_key);
    return { public_key: publicKey, sealed };
  });
}
