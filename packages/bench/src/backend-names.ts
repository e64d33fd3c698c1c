/** Names of the project's backends, in order of preference. */

export const backendNames = ['cuda', 'webgpu', 'cpu'] as const;

export type BackendName = (typeof backendNames)[number];
