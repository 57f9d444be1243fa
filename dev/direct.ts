/** Makes Node reach servers on this machine without a proxy, even if the shell configures one. */
export function askThisMachineDirectly(env: NodeJS.ProcessEnv): void {
  env.NO_PROXY = [env.NO_PROXY ?? env.no_proxy, '127.0.0.1'].filter(Boolean).join(',');
}
