import { expect, test } from 'vitest';
import { dispositionOf } from './respond.ts';

test.each([
  [undefined, 'attachment'],
  ['a.pdf', `attachment; filename="a.pdf"; filename*=UTF-8''a.pdf`],
  [
    'Müller–Łódź.pdf',
    `attachment; filename="Muller\u0141odz.pdf"; filename*=UTF-8''M%C3%BCller%E2%80%93%C5%81%C3%B3d%C5%BA.pdf`.replace(
      '\u0141',
      '',
    ),
  ],
  [
    "a\"; b='(1)*'.pdf",
    `attachment; filename="a_; b='(1)*'.pdf"; filename*=UTF-8''a%22%3B%20b%3D%27%281%29%2A%27.pdf`,
  ],
])('a download called %j has the header %s', (name, header) => {
  expect(dispositionOf(name)).toBe(header);
});
