const INSTANT = /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{3})?Z/g;
/** The first 48 bits are a time in milliseconds. */
const UUID_V7 = /([0-9a-f]{8})-([0-9a-f]{4})(-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12})/g;

/** A text in which all times, also those in ids, are later by that much. */
export function reDated(text: string, byMs: number): string {
  return text
    .replaceAll(INSTANT, (instant) => new Date(Date.parse(instant) + byMs).toISOString())
    .replaceAll(UUID_V7, (_, high, low, rest) => {
      const ms = (Number.parseInt(`${high}${low}`, 16) + byMs).toString(16).padStart(12, '0');
      return `${ms.slice(0, 8)}-${ms.slice(8)}${rest}`;
    });
}
