import { useNavigate } from '@tanstack/react-router';
import { useEffect, useRef, useState } from 'react';

const KEY = 'errand.shortcuts';
const PAGES: Record<string, { to: string; name: string }> = {
  o: { to: '/t/$tenant', name: 'Overview' },
  j: { to: '/t/$tenant/jobs', name: 'Jobs' },
  a: { to: '/t/$tenant/actions', name: 'Actions' },
  s: { to: '/t/$tenant/schedules', name: 'Schedules' },
  w: { to: '/t/$tenant/webhooks', name: 'Webhooks' },
  d: { to: '/t/$tenant/deliveries', name: 'Deliveries' },
  b: { to: '/t/$tenant/bulk', name: 'Bulk actions' },
  k: { to: '/t/$tenant/keys', name: 'Keys and limits' },
};
const GO_MS = 1_500;

/** Single keys, and the page that lists them; they can be switched off (WCAG 2.1.4). */
export function Shortcuts({ tenant }: { tenant: string | undefined }) {
  const [isOn, setOn] = useState(() => localStorage.getItem(KEY) !== 'off');
  const help = useRef<HTMLDialogElement>(null);
  const navigate = useNavigate();
  useEffect(() => {
    localStorage.setItem(KEY, isOn ? 'on' : 'off');
    if (!isOn) return;
    let wentAt = Number.NEGATIVE_INFINITY;
    const onKey = (event: KeyboardEvent) => {
      if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
      const isGoing = performance.now() - wentAt < GO_MS;
      wentAt = Number.NEGATIVE_INFINITY;
      const page = PAGES[event.key];
      if (isGoing && page && tenant !== undefined) {
        void navigate({ to: page.to, params: { tenant } });
      } else if (event.key === 'g') wentAt = performance.now();
      else if (event.key === '/') document.getElementById('search')?.focus();
      else if (event.key === '?') help.current?.showModal();
      else if (event.key === 'j') moveRow(1);
      else if (event.key === 'k') moveRow(-1);
      else return;
      event.preventDefault();
    };
    document.addEventListener('keydown', onKey);
    return () => document.removeEventListener('keydown', onKey);
  }, [isOn, tenant, navigate]);

  return (
    <>
      <button type="button" className="btn quiet" onClick={() => help.current?.showModal()}>
        Help
      </button>
      <dialog ref={help} aria-labelledby="shortcuts">
        <h2 id="shortcuts">Keyboard</h2>
        <dl className="pairs">
          <dt>
            <kbd>/</kbd>
          </dt>
          <dd>Find a job</dd>
          <dt>
            <kbd>j</kbd> <kbd>k</kbd>
          </dt>
          <dd>Next and previous row; Enter opens it</dd>
          {Object.entries(PAGES).map(([key, { name }]) => (
            <div key={key} className="contents">
              <dt>
                <kbd>g</kbd> <kbd>{key}</kbd>
              </dt>
              <dd>{name}</dd>
            </div>
          ))}
          <dt>
            <kbd>?</kbd>
          </dt>
          <dd>This page</dd>
        </dl>
        <label className="row">
          <input type="checkbox" checked={isOn} onChange={(event) => setOn(event.currentTarget.checked)} />
          Single-key shortcuts
        </label>
        <form method="dialog" className="row">
          <button type="submit" className="btn primary">
            Close
          </button>
        </form>
      </dialog>
    </>
  );
}

function isTyping(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && target.matches('input, textarea, select, [contenteditable]');
}

/** Puts the focus on the link of the next row of the page's first list. */
function moveRow(step: 1 | -1): void {
  const links = [...document.querySelectorAll<HTMLElement>('tbody a[data-row]')];
  const at = links.indexOf(document.activeElement as HTMLElement);
  links[at < 0 ? 0 : Math.min(links.length - 1, Math.max(0, at + step))]?.focus();
}
