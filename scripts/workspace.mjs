// What the gates know of the workspace: its root, and the packages that are published.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The root folder of the checkout. */
export const root = fileURLToPath(new URL('..', import.meta.url));

/** Reads a JSON file. */
export const readJson = (file) => JSON.parse(readFileSync(file, 'utf8'));

/** The published packages as `{ name, folder, manifest }`; `folder` is absolute. */
export function publishedPackages(workspace = root) {
  return readdirSync(join(workspace, 'packages'))
    .map((entry) => join(workspace, 'packages', entry))
    .map((folder) => ({ folder, manifest: readJson(join(folder, 'package.json')) }))
    .filter(({ manifest }) => manifest.private !== true)
    .map(({ folder, manifest }) => ({ name: manifest.name, folder, manifest }));
}
