import type { Tenant } from '@errand/contracts';
import type { SecretBox } from '@errand/runtime';
import type { Lookup } from '../../actions/lookup.ts';
import type { SpentToken } from '../spent-token.ts';
import type { OidcSettings } from './oidc-settings.ts';
import { createProvider, type Provider } from './provider.ts';
import { createSignInFlows, type SignInFlows } from './sign-in-flow.ts';

/** Signing in at a provider. */
export interface Oidc {
  readonly settings: OidcSettings;
  readonly provider: Provider;
  readonly flows: SignInFlows;
}

/** For handlers of sign-ins at a provider. */
export interface OidcGroup {
  readonly oidc: Oidc & { readonly tenants: Lookup<Tenant> };
}

/** Asks nobody anything yet. */
export function openOidc(
  settings: OidcSettings,
  deps: {
    box: SecretBox;
    spent: { create(id: string, value: SpentToken): Promise<boolean> };
    now: () => number;
  },
): Oidc {
  const flows = createSignInFlows({ of: settings.digest, ...deps });
  return { settings, provider: createProvider(settings), flows };
}
