import { CallbackUnavailable } from '@errand/actions';
import { type Bus, LogUnavailable } from '@errand/bus';
import { CallbackKey } from '@errand/contracts';
import { type ActionKey, createActionKey, createAsker } from '@errand/runtime';

/** What this process makes callback URLs of one action with. */
interface CallbackMaker extends ActionKey {
  /** What the URLs begin with. */
  readonly baseUrl: string;
}

export interface CallbackKeyring {
  /**
   * Asks a gateway at the first call, and keeps the answer.
   * @throws CallbackUnavailable when none answers
   */
  of(action: string): Promise<CallbackMaker>;
}

/** Asked for again after this, as ERRAND_SECRET_KEY may have been exchanged; without an answer the known key is kept. */
const FRESH_MS = 600_000;
const AGAIN_MS = 5_000;

export function createCallbackKeyring(commands: Pick<Bus['commands'], 'askCallbackKey'>): CallbackKeyring {
  const known = new Map<string, { asked: Promise<CallbackMaker>; atMs: number }>();

  async function ask(action: string): Promise<CallbackMaker> {
    const asker = createAsker();
    const answer = await commands.askCallbackKey(action, { public_key: asker.publicKey });
    const opened = asker.open({ publicKey: answer.public_key, sealed: answer.sealed });
    const { key, base_url: baseUrl } = CallbackKey.parse(JSON.parse(opened));
    return { ...createActionKey(key), baseUrl };
  }

  return {
    async of(action) {
      const before = known.get(action);
      if (before && performance.now() - before.atMs < FRESH_MS) return before.asked;
      const asked = ask(action).catch((error: unknown) => {
        if (before) {
          known.set(action, { asked: before.asked, atMs: performance.now() - FRESH_MS + AGAIN_MS });
          return before.asked;
        }
        known.delete(action);
        if (!(error instanceof LogUnavailable)) throw error;
        throw new CallbackUnavailable(error.message, { cause: error });
      });
      known.set(action, { asked, atMs: performance.now() });
      return asked;
    },
  };
}
