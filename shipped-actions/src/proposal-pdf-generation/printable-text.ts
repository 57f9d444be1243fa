import { z } from 'zod';

/*
 * The characters that the proposal's typeface has: Latin with all its accents, Greek, Cyrillic, and the punctuation and
 * currencies that go with them. A pattern of the schema, so that a text that cannot be printed is refused with the
 * request instead of reaching a customer as boxes.
 */
const PRINTABLE = [
  ' -~\u00a0-\u00ac\u00ae-\u0148\u014a-\u01c3\u01c5-\u024f',
  '\u0300-\u0304\u0306-\u030a\u030c\u0386\u0388-\u038a\u038c\u038e-\u03a1\u03a3-\u03ce',
  '\u0400-\u0479\u0490-\u0491\u1e80-\u1e85\u1ea0-\u1ef9',
  '\u2010-\u2027\u2030\u2032-\u2033\u2039-\u203a\u20a0-\u20af\u20b1-\u20b5\u2122\u2190-\u2193\u2212\u2248\u2260\u2264-\u2265',
].join('');

const why = 'must hold only letters of Latin, Greek or Cyrillic script, digits and common signs';

/** One line of text. */
export function line(maxLength: number) {
  return z
    .string()
    .min(1)
    .max(maxLength)
    .regex(new RegExp(`^[${PRINTABLE}]*$`), why);
}

/** Text of any number of lines; an empty line begins a paragraph. */
export function paragraphs(maxLength: number) {
  return z
    .string()
    .min(1)
    .max(maxLength)
    .regex(new RegExp(`^[\\n\\r${PRINTABLE}]*$`), why);
}
