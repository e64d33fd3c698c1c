/** The modules of src/ that say what is shipped, from what the export found. */

/** src/shipped/NAME.ts: a literal URL per file, as bundlers look for, and everything else as it was found. */
export function modelSource(model) {
  const urls = Object.keys(model.checksums).map(
    (file) => `${JSON.stringify(file)}: new URL('../../${model.name}/${file}', import.meta.url)`,
  );
  const members = Object.entries(model).map(([name, value]) => `${name}: ${JSON.stringify(value)}`);
  return `/** ${model.description}. Made by scripts/export.mjs. */

import type { ShippedModel } from '../shipped-model.ts';

export const ${variable(model.name)}: ShippedModel = {
  files: { ${urls.join(', ')} },
  ${members.join(',\n  ')},
};
`;
}

/** src/shipped.ts: the models by name. */
export function listSource(names) {
  const imports = names.map((name) => `import { ${variable(name)} } from './shipped/${name}.ts';`).join('\n');
  const members = names.map((name) => `${JSON.stringify(name)}: ${variable(name)}`).join(', ');
  return `/** Every shipped model by name. Made by scripts/export.mjs. */

${imports}

export const models = { ${members} };
`;
}

/** small-16k → small16k. */
function variable(name) {
  return name.replace(/-(.)/g, (_, letter) => letter.toUpperCase());
}
