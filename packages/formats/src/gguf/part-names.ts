/** Names of the files of a model that is in several GGUF files, as llama.cpp counts them: from 00001, in five digits. */

const partName = /^(.*-)(\d{5})-of-(\d{5})(\.gguf)$/i;
/** As of shards of safetensors. */
const mostParts = 10_000;

/** All names, or paths, of the model that a file belongs to by its name, in order; null when it is a model of its own. */
export function partsNamedLike(name: string): readonly string[] | null {
  const [, start = '', part, total = '', end = ''] = partName.exec(name) ?? [];
  const [place, count] = [Number(part), Number(total)];
  if (!(place >= 1 && place <= count && count > 1 && count <= mostParts)) return null;
  return Array.from({ length: count }, (_, i) => `${start}${String(i + 1).padStart(5, '0')}-of-${total}${end}`);
}

/** The same of the URL of a file: URLs of all by name, in order. */
export function partUrls(url: string | URL): Readonly<Record<string, string>> | null {
  const at = new URL(url);
  const slash = at.pathname.lastIndexOf('/') + 1;
  const names = partsNamedLike(at.pathname.slice(slash));
  if (names === null) return null;
  const folder = at.pathname.slice(0, slash);
  const urls = names.map((name): [string, string] => {
    const part = new URL(at);
    part.pathname = folder + name;
    return [name.replaceAll('%', '_'), part.href]; // a name, not part of a URL
  });
  return Object.fromEntries(urls);
}
