/** Lets Node ask what is on this machine without a proxy, also where the shell has one for it. */
export function askThisMachineDirectly(env: NodeJS.ProcessEnv): void {
  env.NO_PROXY = [env.NO_PROXY ?? env.no_proxy, '127.0.0.1'].filter(Boolean).join(',');
}
