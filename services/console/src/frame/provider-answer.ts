/* Signing in at a provider leaves this page, and comes back to it with an answer in the address. */

/** The name of the provider that people may sign in at; undefined: at none. */
export const PROVIDER = document.querySelector<HTMLMetaElement>('meta[name="errand-provider"]')?.content;

const WANTED = 'errand.wanted';

/** The router writes addresses anew, so this is read before it does. */
let brought = location.pathname.endsWith('/sign-in') ? location.search.slice(1) : '';

/** What the provider has sent the browser back with; it is good once. */
export function takeAnswer(): string | undefined {
  const answer = brought;
  brought = '';
  return new URLSearchParams(answer).has('state') ? answer : undefined;
}

/** Goes to the provider; whoever comes back comes to the page that was looked for. */
export function leaveFor(url: string): void {
  sessionStorage.setItem(WANTED, location.pathname + location.search);
  location.assign(url);
}

/** The page that was looked for, as an address of this console. */
export function takeWanted(): string {
  const wanted = sessionStorage.getItem(WANTED) ?? '';
  sessionStorage.removeItem(WANTED);
  return wanted.startsWith('/console/') && !wanted.startsWith('/console/sign-in') ? wanted : '/console/';
}
