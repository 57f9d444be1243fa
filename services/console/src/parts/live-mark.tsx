import type { Liveness } from '../api/stream.ts';

const WORDS: Record<Liveness, string> = {
  live: 'Live',
  connecting: 'Connecting…',
  polling: 'Not live: asked again every 5 s',
  over: 'Final',
};

export function LiveMark({ liveness }: { liveness: Liveness }) {
  return (
    <span className={`live ${liveness}`} role="status">
      <i aria-hidden="true" />
      {WORDS[liveness]}
    </span>
  );
}
