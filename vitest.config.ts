import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { playwright } from '@vitest/browser-playwright';
import { defaultServerConditions } from 'vite';
import { defaultExclude, defineConfig } from 'vitest/config';

// One project per package. Packages find each other's source through the condition; INATTENTION_DIST=1 runs the
// same tests against what was built, as a user of the published packages would load it.
const built = process.env.INATTENTION_DIST === '1';
const conditions = built ? [...defaultServerConditions] : ['@inattention/source', ...defaultServerConditions];

// WebGPU on a software adapter takes minutes for what the CPU does in seconds. `pnpm test` leaves out the files named
// `.long.test.ts`, runs part of the suite in Chromium, and part of it on what was built; `pnpm test:webgpu` runs all.
const long = process.env.INATTENTION_LONG === '1';
const exclude = [
  ...defaultExclude,
  ...(long ? [] : ['**/*.long.test.ts']),
  ...(built
    ? [
        'src/suite/host.test.ts',
        'src/suite/webgpu-{attention,fused,generation,long,lost,memory,models}.test.ts',
        'src/suite/cpu-{contexts,ledger}.test.ts',
        'src/suite/cuda-*.test.ts',
      ]
    : []),
];
const inChromium = long ? 'webgpu-*' : 'webgpu-{generation,lost}';

// Newer engines have relaxed SIMD without being asked.
const relaxedSimd = Number.parseInt(process.versions.node, 10) < 22 ? ['--experimental-wasm-relaxed-simd'] : [];

// WebGPU in Node runs on the software adapter that Debian's chromium brings, so that results are the same everywhere;
// INATTENTION_ADAPTER=system tests the machine's own graphics card instead.
const env =
  process.env.INATTENTION_ADAPTER === 'system'
    ? {}
    : { VK_ICD_FILENAMES: process.env.VK_ICD_FILENAMES ?? '/usr/lib/chromium/vk_swiftshader_icd.json' };

// The CUDA backend runs on the native library of TensorFlow, which is set up before the tests that need it.
const needsTensorFlow = new Set(['bench', 'cli', 'conformance', 'cuda']);
const realLibrary = [fileURLToPath(new URL('./packages/cuda/test/real-library.ts', import.meta.url))];

// The same files once more in Chromium, for what runs on WebGPU. Debian's Chromium brings a software adapter.
const inBrowser = (name: string) => ({
  enabled: true,
  headless: true,
  screenshotFailures: false,
  provider: playwright({
    launchOptions: {
      executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
      args: ['--enable-unsafe-webgpu'],
    },
  }),
  instances: [{ browser: 'chromium' as const, name }],
});
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
        test: {
          name,
          include: ['src/**/*.test.ts'],
          exclude,
          env,
          globalSetup: needsTensorFlow.has(name) ? realLibrary : [],
        },
      })),
      {
        extends: true as const,
        root: 'apps/playground',
        test: { name: 'playground', include: ['{src,test}/**/*.test.ts'], exclude, env, testTimeout: 120_000 },
      },
      {
        extends: true as const,
        root: 'apps/bench',
        test: { name: 'bench page', include: ['{src,test}/**/*.test.ts'], exclude, env, testTimeout: 120_000 },
      },
      {
        extends: true as const,
        root: 'packages/cpu',
        test: { name: 'cpu, relaxed SIMD', include: ['src/**/*.test.ts'], execArgv: relaxedSimd },
      },
      {
        extends: true as const,
        root: 'packages/webgpu',
        server: { headers: isolated },
        test: {
          name: 'webgpu, browsers',
          include: [long ? 'src/**/*.test.ts' : 'src/{*,profile/*}.test.ts'],
          browser: inBrowser('webgpu, Chromium'),
        },
      },
      {
        extends: true as const,
        root: 'packages/conformance',
        server: { headers: isolated },
        test: {
          name: 'conformance, browsers',
          include: [`src/suite/${inChromium}.test.ts`],
          browser: inBrowser('conformance, Chromium'),
          provide: { goldenCases },
        },
      },
    ],
  },
});
