import type { ReactNode } from 'react';

/** What a page is of, and what may be done on it. */
export function PageHead({
  title,
  about,
  children,
}: {
  title: ReactNode;
  about?: ReactNode;
  children?: ReactNode;
}) {
  return (
    <div className="head">
      <div className="grow">
        <h1>{title}</h1>
        {about === undefined ? null : <span className="dim">{about}</span>}
      </div>
      <div className="row">{children}</div>
    </div>
  );
}
