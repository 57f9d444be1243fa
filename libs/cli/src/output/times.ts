const STEPS: readonly (readonly [unit: string, ms: number])[] = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['min', 60_000],
  ['s', 1_000],
];

/** `3 min`, `2 d`; below ten seconds with a tenth, `0.4 s`. */
export function durationOf(ms: number): string {
  return ms < 10_000 ? `${(Math.max(0, ms) / 1_000).toFixed(1)} s` : spanOf(ms);
}

/** `3 min`, `2 d`; below a second `0 s`. */
export function spanOf(ms: number): string {
  const [unit, unitMs] = STEPS.find(([, each]) => ms >= each) ?? ['s', 1_000];
  return `${Math.floor(Math.max(0, ms) / unitMs)} ${unit}`;
}

/** `3 min ago`, `in 2 h`; empty for no time. */
export function relative(time: string | null | undefined, nowMs: number): string {
  if (!time) return '';
  const ms = nowMs - Date.parse(time);
  return ms >= 0 ? `${spanOf(ms)} ago` : `in ${spanOf(-ms)}`;
}

/** `2026-01-31 13:00:00`, in the time zone of this process; empty for no time. */
export function local(time: string | null | undefined): string {
  if (!time) return '';
  const at = new Date(time);
  const two = (value: number) => String(value).padStart(2, '0');
  const day = [at.getFullYear(), two(at.getMonth() + 1), two(at.getDate())].join('-');
  return `${day} ${[at.getHours(), at.getMinutes(), at.getSeconds()].map(two).join(':')}`;
}

/** Both; empty for no time. */
export function whenIs(time: string | null | undefined, nowMs: number): string {
  return time ? `${local(time)} (${relative(time, nowMs)})` : '';
}

/** `0:05`, `12:34`, `1:02:03`. */
export function clock(ms: number): string {
  const s = Math.floor(Math.max(0, ms) / 1_000);
  const two = (value: number) => String(value).padStart(2, '0');
  const hours = Math.floor(s / 3_600);
  const minutes = Math.floor((s % 3_600) / 60);
  return hours > 0 ? `${hours}:${two(minutes)}:${two(s % 60)}` : `${minutes}:${two(s % 60)}`;
}
