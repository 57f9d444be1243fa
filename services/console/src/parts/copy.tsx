import { useState } from 'react';
import { useRights } from './rights.tsx';
import { Scroll } from './scroll.tsx';

/** A command to be copied. */
export function CopyText({ text }: { text: string }) {
  return (
    <div className="copytext">
      <Scroll label="Command">
        <pre>{text}</pre>
      </Scroll>
      <CopyButton text={text} label="Copy" />
    </div>
  );
}

export function CopyButton({ text, label }: { text: string; label: string }) {
  const [isCopied, setCopied] = useState(false);
  return (
    <button
      type="button"
      className="btn quiet"
      onClick={() => {
        void navigator.clipboard.writeText(text).then(() => {
          setCopied(true);
          setTimeout(() => setCopied(false), 1_500);
        });
      }}
    >
      <span aria-live="polite">{isCopied ? 'Copied' : label}</span>
    </button>
  );
}

/** What a view does, as commands for a shell. Keys are named, never shown. */
export function CopyAs({ curl, errand }: { curl: string; errand?: string }) {
  const { isCustomer } = useRights();
  if (isCustomer) return null;
  return (
    <span className="row">
      <CopyButton text={curl} label="Copy as curl" />
      {errand === undefined ? null : <CopyButton text={errand} label="Copy as errand" />}
    </span>
  );
}
