/** Which backend the page was asked for: `?backend=cpu`, `webgpu`, or what fits. The worker is told by its name. */

const backendChoices = ['auto', 'webgpu', 'cpu'] as const;

export type BackendChoice = (typeof backendChoices)[number];

/** What fits, unless one is named. */
export function backendChoice(name: string | null): BackendChoice {
  return backendChoices.find((choice) => choice === name) ?? 'auto';
}
