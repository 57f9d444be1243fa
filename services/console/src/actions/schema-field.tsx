import { type ReactNode, useId, useState } from 'react';
import { exactNumber, isExactNumber, type Json, type JsonObject, parseExact } from '../api/exact-json.ts';
import { fieldOf, type Schema } from './schema.ts';

/** `undefined` is a value that is left out. */
type Value = Json | undefined;

interface FieldProps {
  readonly name: string;
  readonly schema: Schema;
  readonly root: Schema;
  readonly value: Value;
  readonly onChange: (value: Value) => void;
  readonly isRequired: boolean;
  /** JSON Pointer of the value, such as `/items/0`. */
  readonly pointer: string;
  /** What is wrong, by pointer. */
  readonly errors: ReadonlyMap<string, string>;
}

/** The form of a value of a JSON Schema. What it cannot draw is written as JSON. */
export function SchemaField(props: FieldProps): ReactNode {
  const { schema, root, isRequired, value, onChange, name } = props;
  const field = fieldOf(schema, root);
  const drawn = { ...props, schema: field.schema };
  switch (field.kind) {
    case 'object':
      return <ObjectField {...drawn} />;
    case 'array':
      return <ArrayField {...drawn} />;
    case 'json':
      return <JsonField {...drawn} />;
    default:
      break;
  }
  const canBeAbsent = !isRequired || field.isNullable;
  return (
    <Labeled {...drawn} unit={unitOf(field.schema)}>
      {(about) => {
        if (field.kind === 'choice' || field.kind === 'boolean') {
          const choices = field.kind === 'boolean' ? [true, false] : (field.schema.enum ?? []);
          return (
            <select
              {...about}
              value={JSON.stringify(value) ?? ''}
              onChange={(event) =>
                onChange(event.currentTarget.value === '' ? undefined : JSON.parse(event.currentTarget.value))
              }
            >
              {canBeAbsent || value === undefined ? <option value="">–</option> : null}
              {field.isNullable ? <option value="null">null</option> : null}
              {choices.map((each) => (
                <option key={String(each)} value={JSON.stringify(each)}>
                  {String(each)}
                </option>
              ))}
            </select>
          );
        }
        if (field.kind === 'number') return <NumberInput about={about} value={value} onChange={onChange} />;
        const isLong =
          (field.schema.maxLength ?? 0) > 200 || (typeof value === 'string' && value.includes('\n'));
        const text = typeof value === 'string' ? value : '';
        const change = (typed: string) => onChange(typed === '' && !isRequired ? undefined : typed);
        return isLong ? (
          <textarea
            {...about}
            rows={4}
            dir="auto"
            value={text}
            onInput={(event) => change(event.currentTarget.value)}
          />
        ) : (
          <input
            {...about}
            type="text"
            dir="auto"
            name={name}
            placeholder={placeholderOf(field.schema)}
            value={text}
            onInput={(event) => change(event.currentTarget.value)}
          />
        );
      }}
    </Labeled>
  );
}

type About = { id: string; 'aria-invalid': boolean; 'aria-describedby': string; required: boolean };

function Labeled(
  props: FieldProps & { unit: string | undefined; children: (about: About) => ReactNode },
): ReactNode {
  const { name, schema, isRequired, pointer, errors, unit, children } = props;
  const id = useId();
  const error = errors.get(pointer);
  return (
    <div className="field">
      <label htmlFor={id}>
        {schema.title ?? name}
        {isRequired ? <span className="dim"> required</span> : null}
        {unit === undefined ? null : <span className="faint"> {unit}</span>}
      </label>
      {children({
        id,
        'aria-invalid': error !== undefined,
        'aria-describedby': `${id}-about`,
        required: isRequired,
      })}
      <small id={`${id}-about`}>
        {error === undefined ? null : <span className="wrong">{error}. </span>}
        <span className="dim">{schema.description}</span>
      </small>
    </div>
  );
}

/** Keeps what is typed, so that a number of any length stays what it is. */
function NumberInput({
  about,
  value,
  onChange,
}: {
  about: About;
  value: Value;
  onChange: (value: Value) => void;
}) {
  const text =
    value === undefined || value === null ? '' : isExactNumber(value) ? value.rawJSON : String(value);
  const [typed, setTyped] = useState(text);
  const isNumber = typed === '' || exactNumber(typed) !== undefined;
  return (
    <input
      {...about}
      aria-invalid={about['aria-invalid'] || !isNumber}
      type="text"
      inputMode="decimal"
      autoComplete="off"
      value={isNumber ? text : typed}
      onInput={(event) => {
        const now = event.currentTarget.value;
        setTyped(now);
        // What is no number is sent as text, and the API says what it must be.
        onChange(now === '' ? undefined : (exactNumber(now) ?? now));
      }}
    />
  );
}

function ObjectField({ name, schema, root, value, onChange, isRequired, pointer, errors }: FieldProps) {
  const held: JsonObject =
    typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as JsonObject) : {};
  const error = errors.get(pointer);
  const fields = Object.entries(schema.properties ?? {}).map(([key, each]) => (
    <SchemaField
      key={key}
      name={key}
      schema={each}
      root={root}
      value={held[key]}
      isRequired={schema.required?.includes(key) ?? false}
      pointer={`${pointer}/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`}
      errors={errors}
      onChange={(changed) => {
        const { [key]: _, ...others } = held;
        const made = changed === undefined ? others : { ...held, [key]: changed };
        onChange(Object.keys(made).length === 0 && !isRequired ? undefined : made);
      }}
    />
  ));
  if (pointer === '') return fields;
  return (
    <fieldset>
      <legend>{schema.title ?? name}</legend>
      {error === undefined ? null : <small className="wrong">{error}</small>}
      {fields}
    </fieldset>
  );
}

function ArrayField({ name, schema, root, value, onChange, isRequired, pointer, errors }: FieldProps) {
  const held: readonly Json[] = Array.isArray(value) ? value : [];
  const error = errors.get(pointer);
  const put = (items: readonly Json[]) => onChange(items.length === 0 && !isRequired ? undefined : items);
  return (
    <fieldset>
      <legend>{schema.title ?? name}</legend>
      {error === undefined ? null : <small className="wrong">{error}</small>}
      {held.map((item, index) => (
        <div key={index} className="row item">
          <SchemaField
            name={`${name} ${index + 1}`}
            schema={schema.items ?? {}}
            root={root}
            value={item}
            isRequired
            pointer={`${pointer}/${index}`}
            errors={errors}
            onChange={(changed) => put(held.with(index, changed ?? null))}
          />
          <button type="button" className="btn quiet" onClick={() => put(held.toSpliced(index, 1))}>
            Remove {index + 1}
          </button>
        </div>
      ))}
      <button type="button" className="btn" onClick={() => put([...held, emptyOf(schema.items ?? {}, root)])}>
        Add to {name}
      </button>
    </fieldset>
  );
}

function emptyOf(schema: Schema, root: Schema): Json {
  const { kind } = fieldOf(schema, root);
  return kind === 'object' ? {} : kind === 'array' ? [] : '';
}

function JsonField(props: FieldProps) {
  const { value, onChange, pointer } = props;
  const [typed, setTyped] = useState<string>();
  const text = typed ?? (value === undefined ? '' : JSON.stringify(value, null, 2));
  return (
    <Labeled {...props} errors={withErrorBelow(props.errors, pointer)} unit="JSON">
      {(about) => (
        <textarea
          {...about}
          className="mono"
          rows={5}
          value={text}
          onInput={(event) => {
            const now = event.currentTarget.value;
            setTyped(now);
            onChange(now.trim() === '' ? undefined : parsedOr(now));
          }}
        />
      )}
    </Labeled>
  );
}

/** What is wrong inside a value that has no fields of its own is told at the value. */
function withErrorBelow(errors: ReadonlyMap<string, string>, pointer: string): ReadonlyMap<string, string> {
  const below = [...errors].find(([at]) => at.startsWith(`${pointer}/`));
  if (errors.has(pointer) || !below) return errors;
  return new Map([[pointer, `${below[0].slice(pointer.length + 1)}: ${below[1]}`]]);
}

/** What is no JSON is sent as text, and the API says what it must be. */
function parsedOr(text: string): Json {
  try {
    return parseExact(text) as Json;
  } catch {
    return text;
  }
}

function unitOf({ minimum: low, maximum: high, format }: Schema): string | undefined {
  // What every integer of JavaScript is within says nothing.
  const minimum = low === Number.MIN_SAFE_INTEGER ? undefined : low;
  const maximum = high === Number.MAX_SAFE_INTEGER ? undefined : high;
  if (minimum !== undefined && maximum !== undefined) return `${minimum} to ${maximum}`;
  if (minimum !== undefined) return `${minimum} or more`;
  if (maximum !== undefined) return `${maximum} or less`;
  return format;
}

function placeholderOf({ examples, format, default: initial }: Schema): string {
  const example = examples?.[0] ?? initial;
  if (typeof example === 'string') return example;
  return format === 'date-time' ? '2026-01-31T12:00:00Z' : format === 'date' ? '2026-01-31' : '';
}
