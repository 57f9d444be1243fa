import { useState } from 'react';
import { Failure } from '../parts/feedback.tsx';
import type { Schema } from './schema.ts';
import { SchemaField } from './schema-field.tsx';
import { inputOf, type Written, withJsonError } from './written-input.ts';

interface InputProps {
  readonly schema: Schema;
  readonly written: Written;
  readonly onChange: (written: Written) => void;
  /** Where the input is in the request's body. */
  readonly pointer: string;
  readonly errors: ReadonlyMap<string, string>;
}

/** An action's input: a form of its schema, or JSON. */
export function InputField({ schema, written, onChange, pointer, errors }: InputProps) {
  const { value, text } = written;
  const [error, setError] = useState<unknown>();
  const showForm = () => {
    if (text === undefined) return;
    try {
      onChange({ value: inputOf(written) });
      setError(undefined);
    } catch (failed) {
      setError(withJsonError(failed));
    }
  };
  return (
    <>
      <div className="row" role="group" aria-label="How to write the input">
        <button
          type="button"
          className={`chip${text === undefined ? ' on' : ''}`}
          aria-pressed={text === undefined}
          onClick={showForm}
        >
          Form
        </button>
        <button
          type="button"
          className={`chip${text === undefined ? '' : ' on'}`}
          aria-pressed={text !== undefined}
          onClick={() => onChange({ value, text: text ?? JSON.stringify(value ?? {}, null, 2) })}
        >
          JSON
        </button>
      </div>
      {error === undefined ? null : <Failure error={error} />}
      {text === undefined ? (
        <SchemaField
          name="input"
          schema={schema}
          root={schema}
          value={value}
          onChange={(changed) => onChange({ value: changed })}
          isRequired
          pointer={pointer}
          errors={errors}
        />
      ) : (
        <textarea
          className="mono"
          rows={14}
          aria-label="Input as JSON"
          value={text}
          onInput={(event) => onChange({ value, text: event.currentTarget.value })}
        />
      )}
    </>
  );
}
