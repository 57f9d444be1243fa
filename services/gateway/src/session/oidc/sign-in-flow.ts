import type { SecretBox } from '@errand/runtime';
import { randomNonce, randomPKCECodeVerifier, randomState } from 'openid-client';
import { z } from 'zod';
import { createHostCookie } from '../host-cookie.ts';
import type { SpentToken } from '../spent-token.ts';

/*
 * What is between a browser's way to the provider and its way back: a cookie that only this gateway's key opens, good
 * once and soon. Whoever has an answer of the provider and not the cookie begins no session with it.
 */

const LIFE_MS = 600_000;
const cookie = createHostCookie('errand_oidc');

const Flow = z.object({
  /** By which the answer of the provider is found to be this flow's; it is its id, too. */
  state: z.string(),
  nonce: z.string(),
  pkce_verifier: z.string(),
  redirect_uri: z.string(),
  /** Unix milliseconds. */
  ends_ms: z.int(),
});
export type Flow = z.infer<typeof Flow>;

export interface SignInFlows {
  /** `cookie`: as a Set-Cookie header. */
  begin(at: { host: string; redirectUri: string }): { flow: Flow; cookie: string };
  /** The flow that a request and an answer of the provider are of, by the cookie and the state. */
  find(request: Request, state: string | null): Flow | undefined;
  /** True once. Only for flows that the provider has vouched for, since anybody may begin one. @throws LogUnavailable */
  spend(flow: Flow): Promise<boolean>;
}

/** `of`: the settings that it is begun under; flows of other ones do not open. `spent`: by states. */
export function createSignInFlows(deps: {
  of: string;
  box: SecretBox;
  spent: { create(id: string, value: SpentToken): Promise<boolean> };
  now: () => number;
}): SignInFlows {
  const { box, spent, now } = deps;
  const context = ['oidc_flow', deps.of];

  function open(value: string): Flow | undefined {
    try {
      return Flow.parse(JSON.parse(box.open(value, context)));
    } catch {
      return undefined;
    }
  }

  return {
    begin({ host, redirectUri }) {
      const flow: Flow = {
        state: randomState(),
        nonce: randomNonce(),
        pkce_verifier: randomPKCECodeVerifier(),
        redirect_uri: redirectUri,
        ends_ms: now() + LIFE_MS,
      };
      return { flow, cookie: cookie.set(host, box.seal(JSON.stringify(flow), context), LIFE_MS / 1_000) };
    },
    find({ headers }, state) {
      const flows = cookie.read(headers).flatMap((value) => open(value) ?? []);
      return flows.find((each) => each.state === state && each.ends_ms > now());
    },
    spend: ({ state }) => spent.create(state, {}),
  };
}
