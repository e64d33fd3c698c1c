import { readdirSync } from 'node:fs';
import { defaultServerConditions } from 'vite';
import { defineConfig } from 'vitest/config';

// One project per package. Packages find each other's source through the condition; INATTENTION_DIST=1 runs the
// same tests against what was built, as a user of the published packages would load it.
const conditions =
  process.env.INATTENTION_DIST === '1'
    ? [...defaultServerConditions]
    : ['@inattention/source', ...defaultServerConditions];

// Newer engines have relaxed SIMD without being asked.
const relaxedSimd = Number.parseInt(process.versions.node, 10) < 22 ? ['--experimental-wasm-relaxed-simd'] : [];

// WebGPU in Node runs on the software adapter that Debian's chromium brings, so that results are the same everywhere;
// INATTENTION_ADAPTER=system tests the machine's own graphics card instead.
const env =
  process.env.INATTENTION_ADAPTER === 'system'
    ? {}
    : { VK_ICD_FILENAMES: process.env.VK_ICD_FILENAMES ?? '/usr/lib/chromium/vk_swiftshader_icd.json' };

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: {
    pool: 'forks',
    env,
    projects: [
      ...readdirSync(new URL('./packages', import.meta.url)).map((name) => ({
        extends: true as const,
        root: `packages/${name}`,
        test: { name, include: ['src/**/*.test.ts'], env },
      })),
      {
        extends: true as const,
        root: 'packages/cpu',
        test: { name: 'cpu, relaxed SIMD', include: ['src/**/*.test.ts'], execArgv: relaxedSimd },
      },
    ],
  },
});
