/** Fields that the forms share: labelled choices, plain elements with names, read when a form is sent. */

import type { ReactNode } from 'react';

export interface Option {
  readonly value: string;
  readonly label: string;
}

export function Choice({
  name,
  label,
  options,
  initial,
}: {
  readonly name: string;
  readonly label: string;
  readonly options: readonly Option[];
  readonly initial: string;
}) {
  return (
    <label className="field">
      {label}
      <select name={name} defaultValue={initial}>
        {options.map(({ value, label: text }) => (
          <option key={value} value={value}>
            {text}
          </option>
        ))}
      </select>
    </label>
  );
}

export function Count({
  name,
  label,
  initial,
  least = 1,
  most,
}: {
  readonly name: string;
  readonly label: string;
  readonly initial: number;
  readonly least?: number;
  readonly most: number;
}) {
  return (
    <label className="field">
      {label}
      <input name={name} type="number" inputMode="numeric" required min={least} max={most} defaultValue={initial} />
    </label>
  );
}

/** Several of a list. */
export function Several({
  name,
  legend,
  options,
  initial,
}: {
  readonly name: string;
  readonly legend: string;
  readonly options: readonly Option[];
  readonly initial: readonly string[];
}) {
  return (
    <fieldset className="several">
      <legend>{legend}</legend>
      {options.map(({ value, label }) => (
        <label key={value}>
          <input type="checkbox" name={name} value={value} defaultChecked={initial.includes(value)} />
          {label}
        </label>
      ))}
    </fieldset>
  );
}

export function Group({ children }: { readonly children: ReactNode }) {
  return <div className="fields">{children}</div>;
}

/** The value of a choice, one of `known`; the first where the form says another. */
export function chosen<T extends string>(data: FormData, name: string, known: readonly T[]): T {
  const value = data.get(name);
  return known.find((one) => one === value) ?? (known[0] as T);
}

/** The ticked ones, in the order of `known`. */
export function ticked<T extends string>(data: FormData, name: string, known: readonly T[]): T[] {
  const values = data.getAll(name);
  return known.filter((one) => values.includes(one));
}

export function options(names: readonly string[]): Option[] {
  return names.map((name) => ({ value: name, label: name }));
}
