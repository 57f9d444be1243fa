/*
 * A standby is a NATS elsewhere that mirrors all streams of a site, over a leaf connection. It asks the site's JetStream
 * under a name of the site's own: `$JS.API` means the standby's.
 */

/** What a site's `mappings` lead to its `$JS.API`. */
export function siteApi(site: string): string {
  return `${site}.API`;
}

/** How long a standby keeps JOBS, in milliseconds: what AUDIT has not copied before it is rarely older. */
export const STANDBY_JOBS_MS = 3_600_000;

/**
 * The user of a site as whom its standby connects: it reads all streams, and neither hears nor says anything else. Names
 * are those that nats-server uses for the answers and the messages of mirrors.
 */
export function standbyUser(site: string, password: string) {
  const api = siteApi(site);
  return {
    user: 'standby',
    password,
    permissions: {
      publish: {
        allow: [`${api}.STREAM.INFO.*`, `${api}.CONSUMER.CREATE.>`, `${api}.CONSUMER.DELETE.>`, '$JS.FC.>'],
      },
      subscribe: { allow: ['$JS.M.>', '$JSC.R.>', '_INBOX.>'] },
    },
  };
}
