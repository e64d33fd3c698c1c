import { readdirSync } from 'node:fs';
import { playwright } from '@vitest/browser-playwright';
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

// The same files once more in Chromium, for what runs on WebGPU. Debian's Chromium brings a software adapter.
const browser = {
  enabled: true,
  headless: true,
  screenshotFailures: false,
  provider: playwright({
    launchOptions: {
      executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
      args: ['--enable-unsafe-webgpu'],
    },
  }),
  instances: [{ browser: 'chromium' as const }],
};
const goldenCases = readdirSync(new URL('./packages/conformance/cases', import.meta.url));
const isolated = { 'Cross-Origin-Opener-Policy': 'same-origin', 'Cross-Origin-Embedder-Policy': 'require-corp' };

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
      {
        extends: true as const,
        root: 'packages/webgpu',
        server: { headers: isolated },
        test: { name: 'webgpu, Chromium', include: ['src/**/*.test.ts'], browser },
      },
      {
        extends: true as const,
        root: 'packages/conformance',
        server: { headers: isolated },
        test: {
          name: 'conformance, Chromium',
          include: ['src/suite/webgpu*.test.ts'],
          browser,
          provide: { goldenCases },
        },
      },
    ],
  },
});
