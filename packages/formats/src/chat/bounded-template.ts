/**
 * Runs a Jinja template by Hugging Face's own JavaScript implementation, within bounds: a template comes with a model's
 * files, and one that loops for ever or doubles a text sixty times must end in an error, not in a process without memory.
 * The bounds are far above any template in use, and grow with the messages.
 */

import { Environment, Interpreter, parse, Template, tokenize } from '@huggingface/jinja';
import { InvalidArgumentError } from '@inattention/core';

/** What is used of the library's interpreter, whose own types its package does not resolve under ESM. */
interface Evaluates {
  evaluate(statement: unknown, environment: unknown): { readonly value: unknown };
  run(program: unknown): { readonly value: unknown };
}
const LibraryInterpreter: new (environment: unknown) => Evaluates = Interpreter;

/** Longest template read, in characters. */
export const longestTemplate = 2 ** 20;
/**
 * Steps beside those that the messages call for. A step is an expression, 64 characters of a text that one gives, or a
 * 32nd of an item of a list.
 */
const mostSteps = 1_000_000;
/** Items of a list. */
const longestList = 2 ** 16;

/** The program of a template. Throws what the parser throws. */
export function parseTemplate(source: string): unknown {
  return parse(tokenize(source, { lstrip_blocks: true, trim_blocks: true }));
}

/**
 * What a template gives. `size`: characters of the variables' texts, by which the bounds grow. Throws an Error of any class
 * where the template refuses, cannot go on, or goes on and on.
 */
export function runTemplate(program: unknown, variables: Readonly<Record<string, unknown>>, size: number): string {
  const environment: { set(name: string, value: unknown): unknown } = new Environment();
  for (const [name, value] of Object.entries({ ...globals, ...variables })) environment.set(name, value);
  const result = new BoundedInterpreter(environment, size).run(program);
  return String(result.value);
}

/** Jinja's globals, as the library sets them for its own Template. */
const globals: Readonly<Record<string, unknown>> = {
  ...{ true: true, false: false, none: null, True: true, False: false, None: null },
  raise_exception: (message: unknown) => {
    throw new InvalidArgumentError({ what: String(message) });
  },
  range: boundedRange,
  strftime_now: (format: unknown) => new Template('{{ strftime_now(format) }}').render({ format }),
};

function boundedRange(first: number, second?: number | null, step: number | null = 1): number[] {
  const [start, stop] = typeof second === 'number' ? [first, second] : [0, first];
  const by = step ?? 1;
  const length = Math.max(0, Math.ceil((stop - start) / by));
  if (by === 0 || !(length <= longestList))
    throw new RangeError(`range(${start}, ${stop}, ${by}) is no list that a template needs`);
  return Array.from({ length }, (_, i) => start + i * by);
}

class BoundedInterpreter extends LibraryInterpreter {
  #stepsLeft: number;
  readonly #longestText: number;

  constructor(environment: unknown, size: number) {
    super(environment);
    this.#stepsLeft = mostSteps + size;
    this.#longestText = 4 * size + longestTemplate;
  }

  override evaluate(statement: unknown, environment: unknown): { readonly value: unknown } {
    this.#take(1);
    const result = super.evaluate(statement, environment);
    const { value } = result;
    if (typeof value === 'string') {
      if (value.length > this.#longestText) throw new RangeError(`a text of ${value.length} characters`);
      this.#take(value.length >>> 6);
    } else {
      if (Array.isArray(value)) this.#take(value.length * 31); // it may be looped over
      this.#walk(value);
    }
    return result;
  }

  /** Takes what a value in a list or an object costs to write, lists of lists that double included. */
  #walk(value: unknown): void {
    if (typeof value === 'string') this.#take(value.length >>> 10);
    const inner = Array.isArray(value) ? value : value instanceof Map ? [...value.values()] : [];
    if (inner.length > longestList) throw new RangeError(`a list of ${inner.length} items`);
    this.#take(inner.length);
    for (const item of inner) this.#walk((item as { readonly value?: unknown }).value);
  }

  #take(steps: number): void {
    this.#stepsLeft -= steps;
    if (this.#stepsLeft < 0) throw new RangeError('it goes on and on: more steps than any template needs');
  }
}
