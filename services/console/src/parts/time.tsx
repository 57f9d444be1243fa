import { useSyncExternalStore } from 'react';

const clock = { now: Date.now(), listeners: new Set<() => void>(), timer: undefined as number | undefined };

function subscribe(listener: () => void): () => void {
  clock.listeners.add(listener);
  clock.timer ??= window.setInterval(() => {
    clock.now = Date.now();
    for (const each of clock.listeners) each();
  }, 1_000);
  return () => {
    clock.listeners.delete(listener);
    if (clock.listeners.size > 0) return;
    clearInterval(clock.timer);
    clock.timer = undefined;
  };
}

/** The time in Unix milliseconds, once a second. */
export function useNow(): number {
  return useSyncExternalStore(subscribe, () => clock.now);
}

/** Such as `12 s ago`, with the instant as its title. */
export function Ago({ at }: { at: string | null | undefined }) {
  const now = useNow();
  if (!at) return <span>–</span>;
  const ms = now - Date.parse(at);
  return (
    <time dateTime={at} title={at}>
      {ms >= 0 ? `${durationOf(ms)} ago` : `in ${durationOf(-ms)}`}
    </time>
  );
}

/** Such as `840 ms`, `8.2 s`, `1 min 31 s`, `3 h 5 min`, `4 d`. */
export function durationOf(ms: number): string {
  if (ms < 1_000) return `${Math.max(0, Math.round(ms))} ms`;
  const s = ms / 1_000;
  if (s < 10) return `${s.toFixed(1)} s`;
  if (s < 60) return `${Math.round(s)} s`;
  const minutes = Math.floor(s / 60);
  if (minutes < 60) return `${minutes} min ${Math.floor(s % 60)} s`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours} h ${minutes % 60} min` : `${Math.floor(hours / 24)} d`;
}

/** The time of day with milliseconds, in the reader's time zone. */
export function clockTime(at: string): string {
  return new Date(at).toLocaleTimeString(undefined, {
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
    fractionalSecondDigits: 3,
    hour12: false,
  });
}

/** The same, with the day if that is another one than today. */
export function dayTime(at: string): string {
  const date = new Date(at);
  const isToday = date.toDateString() === new Date().toDateString();
  const day = date.toLocaleDateString(undefined, { month: 'short', day: 'numeric' });
  return isToday ? clockTime(at) : `${day}, ${clockTime(at)}`;
}
