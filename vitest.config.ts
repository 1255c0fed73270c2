import { defineConfig } from 'vitest/config';

// One process a file: a crash of the native engine is that file's own; one on each core, where vitest would leave a core idle.
// Time limits only end what hangs.
export default defineConfig({
  test: { include: ['src/**/*.test.ts'], pool: 'forks', maxWorkers: '100%', testTimeout: 120_000, hookTimeout: 120_000 },
});
