/**
 * Checks a parsed tokenizer.json before a library builds on it: kinds, ids, merges and added tokens. What the format lets
 * a file leave out is filled in. Regular expressions in it are run as they are: a hostile one can make `encode` slow.
 */

import { InvalidFileError, UnsupportedError } from '@inattention/core';
import { describe, isRecord, quote } from '../json/describe.ts';

/** Ids above this would make any model absurd, and an array indexed by them a trap. */
const maxId = 2 ** 24;

const kinds = ['BPE', 'WordPiece', 'Unigram'];

export interface TokenizerFile {
  /** For the library: the file with its gaps filled. */
  readonly json: Readonly<Record<string, unknown>>;
  readonly kind: string;
  /** Token text by id, added tokens included. */
  readonly tokens: ReadonlyMap<number, string>;
  /** Ids of added tokens, which stand for themselves. */
  readonly addedIds: ReadonlySet<number>;
}

/** Throws InvalidFileError for what is no tokenizer, UnsupportedError for a model that is not known. */
export function checkTokenizerFile(json: unknown): TokenizerFile {
  if (!isRecord(json) || !isRecord(json.model)) {
    throw damaged('the file does not describe a tokenizer', describe(json), 'an object with "model"');
  }
  const { model, decoder } = json;
  const kind = model.type ?? (Array.isArray(model.merges) ? 'BPE' : undefined);
  if (typeof kind !== 'string' || !kinds.includes(kind)) {
    throw new UnsupportedError({
      what: 'tokenizer.json holds a model of an unknown type.',
      got: describe(kind),
      expected: kinds.join(', '),
    });
  }
  const tokens = kind === 'Unigram' ? readPieces(model.vocab) : readVocabulary(model.vocab);
  if (kind === 'BPE') checkMerges(model, new Set(tokens.values()));
  const added = readAddedTokens(json.added_tokens ?? []);
  for (const { id, content } of added) tokens.set(id, content);
  return {
    json: {
      ...json,
      normalizer: json.normalizer ?? null,
      pre_tokenizer: json.pre_tokenizer ?? null,
      post_processor: json.post_processor ?? null,
      // The format's default, which the library takes for an empty suffix.
      decoder: isRecord(decoder) && decoder.type === 'BPEDecoder' ? { suffix: '</w>', ...decoder } : (decoder ?? null),
      added_tokens: added,
      model: { ...model, type: kind },
    },
    kind,
    tokens,
    addedIds: new Set(added.map(({ id }) => id)),
  };
}

/** BPE and WordPiece: an object of ids by token. */
function readVocabulary(vocabulary: unknown): Map<number, string> {
  if (!isRecord(vocabulary)) throw damaged('model.vocab is no object', describe(vocabulary), 'ids by token');
  const tokens = new Map<number, string>();
  for (const [token, id] of Object.entries(vocabulary)) {
    if (!isId(id)) throw damaged(`token ${quote(token)} has an impossible id`, describe(id), `0 to ${maxId - 1}`);
    const other = tokens.get(id);
    if (other !== undefined) throw damaged(`two tokens share id ${id}`, `${quote(other)} and ${quote(token)}`);
    tokens.set(id, token);
  }
  return tokens;
}

/** Unigram: a list of [token, score], the place being the id. */
function readPieces(vocabulary: unknown): Map<number, string> {
  if (!Array.isArray(vocabulary) || vocabulary.length === 0 || vocabulary.length > maxId) {
    throw damaged('model.vocab is no list of pieces', describe(vocabulary), 'a list of [token, score]');
  }
  const tokens = new Map<number, string>();
  vocabulary.forEach((piece: unknown, id) => {
    const [token, score] = Array.isArray(piece) ? piece : [];
    if (typeof token !== 'string' || typeof score !== 'number') {
      throw damaged(`piece ${id} is not usable`, describe(piece), '[token, score]');
    }
    tokens.set(id, token);
  });
  return tokens;
}

/** Every merge joins two tokens of the vocabulary into a third, as the format's own reader demands. */
function checkMerges(model: Readonly<Record<string, unknown>>, vocabulary: ReadonlySet<string>): void {
  const { merges, continuing_subword_prefix: prefix } = model;
  if (!Array.isArray(merges)) throw damaged('model.merges is no list', describe(merges), 'a list of pairs');
  const asPairs = Array.isArray(merges[0]);
  const cut = typeof prefix === 'string' ? prefix.length : 0;
  merges.forEach((merge: unknown, index) => {
    const pair: unknown = asPairs ? merge : typeof merge === 'string' ? merge.split(' ') : undefined;
    const [left, right] = Array.isArray(pair) && pair.length === 2 ? pair : [];
    if (typeof left !== 'string' || typeof right !== 'string') {
      throw damaged(`merge ${index} is no pair of tokens`, describe(merge), asPairs ? '["a", "b"]' : '"a b"');
    }
    if (!vocabulary.has(left) || !vocabulary.has(right) || !vocabulary.has(left + right.slice(cut))) {
      throw damaged(`merge ${index} names a token that the vocabulary lacks`, describe(merge));
    }
  });
}

interface AddedToken extends Readonly<Record<string, unknown>> {
  readonly id: number;
  readonly content: string;
}

function readAddedTokens(list: unknown): readonly AddedToken[] {
  if (!Array.isArray(list)) throw damaged('added_tokens is no list', describe(list));
  return list.map((token: unknown, index) => {
    const { id, content } = isRecord(token) ? token : { id: undefined, content: undefined };
    if (!isRecord(token) || !isId(id) || typeof content !== 'string' || content === '') {
      throw damaged(`added token ${index} is not usable`, describe(token), 'an id and its content');
    }
    return { ...token, id, content };
  });
}

function isId(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) < maxId;
}

function damaged(what: string, got: string, expected?: string): InvalidFileError {
  return new InvalidFileError({
    what: `tokenizer.json: ${what}.`,
    got,
    ...(expected !== undefined && { expected }),
    fix: 'download or export the file again',
  });
}
