import { defineConfig } from 'vitest/config';

// One process a file: a crash of the native engine is that file's own. Time limits only end what hangs.
export default defineConfig({ test: { include: ['src/**/*.test.ts'], pool: 'forks', testTimeout: 120_000, hookTimeout: 120_000 } });
