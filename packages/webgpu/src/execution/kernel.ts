/**
 * A kernel: a compute shader with named parameters and bindings. From the definition this file assembles the WGSL and
 * the layout; kernels-runner.ts binds views and records a dispatch. Definitions know no device.
 *
 * In `main` and `declarations` a binding is reached by the name that `names` gives it (a read binding whose buffer is
 * also written to is read through the written one), and its first element is `params.NAME_at`. These are in scope:
 *
 *     params     the parameters, and NAME_at (in elements) of each binding that is a view
 *     global, local, group, groups    the builtins of those names (vec3<u32>)
 *     lane       index of the invocation within its workgroup
 *     index      index of the invocation in a grid of workgroups read line by line: (group.y · groups.x + group.x) · size + lane
 */

import { BackendFailedError } from '@inattention/core';

export type ParameterType = 'f32' | 'u32' | 'i32';

export type ElementType = 'f32' | 'u32' | 'i32' | 'atomic<i32>' | 'vec2<f32>' | 'vec4<f32>' | 'vec4<u32>' | 'vec4<i32>';

export interface BindingDefinition {
  /**
   * read, write: a view as an array of elements (write: also to be read). uniform: a short view, as an array of `count`
   * elements, which takes no storage binding (of which there may be as few as 8). inline: words given with the dispatch.
   */
  readonly access: 'read' | 'write' | 'uniform' | 'inline';
  /** f16 and i8 views are read as u32. A view bound as vectors starts at a multiple of the vector's size. */
  readonly element: ElementType;
  /** Of a uniform: elements; element × count is a multiple of 16 bytes, at most 16 KiB. */
  readonly count?: number;
}

/** The text of a kernel, with names for its bindings. */
export interface Shader<B extends string> {
  /** Functions and workgroup variables. */
  readonly declarations?: string | ((names: Readonly<Record<B, string>>) => string);
  /** Statements of the entry point. */
  readonly main: (names: Readonly<Record<B, string>>) => string;
}

interface KernelGeometry<P extends string, B extends string> {
  /** What it is called in profiles and errors: a kebab-case name, the same for all variants. */
  readonly name: string;
  /** Tells variants of one name apart. */
  readonly variant?: string;
  readonly params: Readonly<Record<P, ParameterType>>;
  readonly bindings: Readonly<Record<B, BindingDefinition>>;
  readonly workgroupSize: readonly [x: number, y: number, z: number];
  /** Whether its text uses subgroups, which the device has to have. Also in scope then: subgroup_lane, subgroup_size. */
  readonly subgroups?: boolean;
}

/**
 * A kernel with its text, or with a `shader` that loads it when the kernel is first compiled: so are those that training
 * alone runs, and those for software adapters. The text lies beside the kernel, in NAME.wgsl.ts.
 */
export type KernelDefinition<P extends string, B extends string> = KernelGeometry<P, B> &
  (Shader<B> | { readonly shader: () => Promise<Shader<B>> });

/** A definition with what running it needs, worked out once. */
export interface Kernel<P extends string = string, B extends string = string> {
  readonly definition: KernelDefinition<P, B>;
  readonly key: string;
  readonly paramNames: readonly P[];
  readonly bindingNames: readonly B[];
  /** Bindings that are views, in order: they have an offset parameter. */
  readonly viewNames: readonly B[];
  /** Bytes of the parameters. */
  readonly paramBytes: number;
}

const elementBytes: Readonly<Record<ElementType, number>> = {
  f32: 4,
  u32: 4,
  i32: 4,
  'atomic<i32>': 4,
  'vec2<f32>': 8,
  'vec4<f32>': 16,
  'vec4<u32>': 16,
  'vec4<i32>': 16,
};

export function bytesOfElement(element: ElementType): number {
  return elementBytes[element];
}

export function defineKernel<const P extends string, const B extends string>(
  definition: KernelDefinition<P, B>,
): Kernel<P, B> {
  const paramNames = Object.keys(definition.params) as P[];
  const bindingNames = Object.keys(definition.bindings) as B[];
  const viewNames = bindingNames.filter((name) => {
    const { access } = definition.bindings[name];
    return access === 'read' || access === 'write';
  });
  return {
    definition,
    key: `${definition.name}/${definition.variant ?? ''}`,
    paramNames,
    bindingNames,
    viewNames,
    paramBytes: 4 * Math.max(1, paramNames.length + viewNames.length),
  };
}

/** What a kernel of a family is made for: values, or a record of them by name. */
export type KernelShape = string | number | boolean | Readonly<Record<string, string | number | boolean>>;

/** The shape in words: the `variant` of its kernel, whatever the order of the record's names. */
export function variantOf(shape: Readonly<Record<string, string | number | boolean>>): string {
  return Object.keys(shape)
    .sort()
    .map((name) => `${name}=${shape[name]}`)
    .join(' ');
}

/** A kernel for each variant, defined when first asked for. `define` depends on its arguments alone. */
export function kernelFamily<A extends readonly KernelShape[], K>(define: (...args: A) => K): (...args: A) => K {
  const kernels = new Map<string, K>();
  return (...args) => {
    const key = JSON.stringify(args);
    let kernel = kernels.get(key);
    if (kernel === undefined) {
      kernel = define(...args);
      kernels.set(key, kernel);
    }
    return kernel;
  };
}

/** The WGSL of a kernel whose read bindings in `aliases` are read through the written binding they map to. */
export async function kernelSource(kernel: Kernel, aliases: ReadonlyMap<string, string>): Promise<string> {
  const { definition, paramNames, viewNames, bindingNames } = kernel;
  const shader = 'shader' in definition ? await loadShader(kernel.key, definition.shader) : definition;
  const names = Object.fromEntries(bindingNames.map((name) => [name, aliases.get(name) ?? name]));
  const fields = [
    ...paramNames.map((name) => `  ${name}: ${definition.params[name]},`),
    ...viewNames.map((name) => `  ${name}_at: u32,`),
  ];
  const [x, y, z] = definition.workgroupSize;
  const bound = bindingNames.filter((name) => !aliases.has(name));
  const declarations =
    typeof shader.declarations === 'function' ? shader.declarations(names) : (shader.declarations ?? '');
  return `${definition.subgroups ? 'enable subgroups;\n' : ''}struct Params {
${fields.length === 0 ? '  unused: u32,' : fields.join('\n')}
}

@group(0) @binding(0) var<uniform> params: Params;
${bound.map((name, place) => bindingDeclaration(name, definition.bindings[name] as BindingDefinition, place + 1)).join('\n')}

${declarations}

@compute @workgroup_size(${x}, ${y}, ${z})
fn main(
  @builtin(global_invocation_id) global: vec3<u32>,
  @builtin(local_invocation_id) local: vec3<u32>,
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,${subgroupBuiltins(definition.subgroups)}
) {
  let index = (group.y * groups.x + group.x) * ${x * y * z}u + lane;
${shader.main(names)}
}
`;
}

function subgroupBuiltins(used = false): string {
  if (!used) return '';
  return `
  @builtin(subgroup_invocation_id) subgroup_lane: u32,
  @builtin(subgroup_size) subgroup_size: u32,`;
}

async function loadShader<B extends string>(key: string, load: () => Promise<Shader<B>>): Promise<Shader<B>> {
  try {
    return await load();
  } catch (error) {
    throw new BackendFailedError({
      what: `The text of the WebGPU kernel ${key} could not be loaded.`,
      got: error instanceof Error ? error.message : String(error),
      fix: 'serve every file that the bundler wrote, not the first alone; then call again',
      cause: error,
    });
  }
}

function bindingDeclaration(name: string, { access, element, count }: BindingDefinition, place: number): string {
  const at = `@group(0) @binding(${place})`;
  switch (access) {
    case 'write':
      return `${at} var<storage, read_write> ${name}: array<${element}>;`;
    case 'uniform':
      return `${at} var<uniform> ${name}: array<${element}, ${count}>;`;
    default:
      return `${at} var<storage, read> ${name}: array<${element}>;`;
  }
}
