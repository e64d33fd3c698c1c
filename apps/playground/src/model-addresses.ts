/** Which files a model at a URL has, and where each is: a GGUF file by itself, or a folder's by their known names. */

import { InvalidArgumentError, InvalidFileError, throwIfAborted } from '@inattention/core';

export interface NamedAddress {
  readonly name: string;
  readonly address: string;
}

const shardList = 'model.safetensors.index.json';
const weights = 'model.safetensors';

/** Of a folder, each where there is one. */
const small = ['config.json', 'tokenizer.json', 'tokenizer_config.json', 'generation_config.json'];

/**
 * The files, the large ones last. Throws InvalidArgumentError for what is no address, InvalidFileError when there is no
 * model, AbortedError.
 */
export async function modelFileNames(url: string, signal: AbortSignal): Promise<NamedAddress[]> {
  const place = parse(url);
  if (/\.gguf$/i.test(place.pathname)) return [{ name: lastPart(place.pathname), address: place.href }];
  if (!place.pathname.endsWith('/')) place.pathname += '/';
  const at = (name: string): NamedAddress => ({
    name,
    address: new URL(name.split('/').map(encodeURIComponent).join('/'), place).href,
  });
  const present = await Promise.all(
    [...small, weights].map(async (name) => ((await head(at(name).address, signal)) ? name : null)),
  );
  const names = present.filter((name) => name !== null);
  if (!names.includes('config.json')) throw noModel(place.href, 'no config.json');
  if (names.includes(weights)) return names.map(at);
  const list = await ask(at(shardList).address, { signal });
  if (!isThere(list)) throw noModel(place.href, `neither ${weights} nor ${shardList}`);
  return [...names, shardList, ...shardsOf(await list.text())].map(at);
}

/** Names of the shards in a list, as its weight_map gives them; what is wrong with it is found when the model is opened. */
function shardsOf(text: string): string[] {
  let list: unknown;
  try {
    list = JSON.parse(text);
  } catch {
    return [];
  }
  const map = typeof list === 'object' && list !== null && 'weight_map' in list ? list.weight_map : null;
  const names = typeof map === 'object' && map !== null ? Object.values(map) : [];
  // A name that leaves its folder is nothing to ask for.
  return [...new Set(names)].filter(
    (name): name is string => typeof name === 'string' && /^[\w.-]+\.safetensors$/.test(name),
  );
}

async function head(address: string, signal: AbortSignal): Promise<boolean> {
  return isThere(await ask(address, { method: 'HEAD', signal }));
}

async function ask(address: string, init: RequestInit): Promise<Response> {
  try {
    return await fetch(address, init);
  } catch (cause) {
    throwIfAborted(init.signal ?? undefined, 'Looking for the model');
    throw new InvalidFileError({
      what: `${address} cannot be reached.`,
      got: cause instanceof Error ? cause.message : String(cause),
      fix: 'check the address, the connection and the server’s CORS headers',
      cause,
    });
  }
}

/** Servers of single-page apps answer every unknown path with their page. */
function isThere(response: Response): boolean {
  return response.ok && response.headers.get('content-type')?.startsWith('text/html') !== true;
}

function parse(url: string): URL {
  const place = URL.canParse(url) ? new URL(url) : null;
  if (place !== null && /^https?:$/.test(place.protocol)) return place;
  throw new InvalidArgumentError({ what: 'This is no address of a model.', got: url, expected: 'https://…' });
}

function noModel(address: string, got: string): InvalidFileError {
  return new InvalidFileError({
    what: `There is no model at ${address}.`,
    got,
    expected: 'a folder with config.json and model.safetensors, or a GGUF file',
    fix: 'for a model of Hugging Face, give https://huggingface.co/OWNER/NAME/resolve/main',
  });
}

const lastPart = (path: string): string => decodeURIComponent(path.slice(path.lastIndexOf('/') + 1));
