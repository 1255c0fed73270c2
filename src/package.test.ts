/** The package as others get it: what `npm pack` holds, laid into a consumer's project and used from there. */
import { spawnSync, type SpawnSyncReturns } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type TypeScript from 'typescript';
import { packageRoot, version } from './package.js';

const require = createRequire(import.meta.url);
const folder = mkdtempSync(join(tmpdir(), 'pathpress-package-'));
const consumer = join(folder, 'consumer');
const installed = join(consumer, 'node_modules', 'pathpress');
const prebuiltName = `pathpress-${process.platform}-${process.arch}`;
let packed: { filename: string; size: number; unpackedSize: number; files: { path: string }[] };

type Options = { cwd?: string; env?: NodeJS.ProcessEnv };

function run(command: string, args: string[], options: Options = {}): SpawnSyncReturns<string> {
  return spawnSync(command, args, { encoding: 'utf8', env: process.env, cwd: consumer, ...options });
}

function unpack(tarball: string, into: string): void {
  mkdirSync(into, { recursive: true });
  expect(run('tar', ['-xzf', tarball, '--strip-components=1', '-C', into]).status).toBe(0);
}

/** Runs a module of the consumer's; the last line that it prints is JSON. */
function consume(source: string): unknown {
  writeFileSync(join(consumer, 'main.mjs'), source);
  const { status, stdout, stderr } = run(process.execPath, ['main.mjs']);
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  return JSON.parse(stdout);
}

const install = (env: NodeJS.ProcessEnv = process.env): SpawnSyncReturns<string> =>
  run(process.execPath, [join(installed, 'native', 'install.mjs')], { env });
const noTools = { ...process.env, PATH: folder, CXX: '' }; // neither CMake nor a compiler

beforeAll(() => {
  mkdirSync(consumer);
  const pack = run('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', folder], { cwd: packageRoot });
  expect(pack.status, pack.stderr).toBe(0);
  const [report] = JSON.parse(pack.stdout);
  packed = report;
  unpack(join(folder, report.filename), installed);
  // The dependencies that npm would install, and no others, in place of a download.
  const { dependencies } = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8'));
  for (const name of Object.keys(dependencies).filter((one) => !one.startsWith('@types/'))) {
    const link = join(consumer, 'node_modules', name);
    mkdirSync(dirname(link), { recursive: true });
    symlinkSync(join(packageRoot, 'node_modules', name), link);
  }
  symlinkSync(join(packageRoot, 'node_modules', '@types'), join(consumer, 'node_modules', '@types'));
  writeFileSync(join(consumer, 'package.json'), JSON.stringify({ name: 'consumer', version: '1.0.0', type: 'module' }));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('the tarball', () => {
  it('holds what is run, read and compiled, and neither tests nor their fixtures', () => {
    const files = packed.files.map(({ path }) => path);
    for (const needed of [
      'README.md', 'LICENSE', 'CHANGELOG.md', 'dist/index.js', 'dist/index.d.ts', 'dist/cli.js',
      'native/CMakeLists.txt', 'native/install.mjs', 'native/engine/engine.cc', 'notebooks/01-sparsity.ipynb',
      'data/paper/reported.json',
      'data/models/reasoner/model.safetensors', 'data/models/reasoner/tokenizer.json',
    ]) {
      expect(files).toContain(needed);
    }
    const unwanted = /test|fixture|snap$|\.py$|\.jsonl$|tsbuildinfo|^src\/|^build\//i;
    expect(files.filter((path) => unwanted.test(path))).toEqual([]);
  });

  it('takes prebuilt engines of its own version alone', () => {
    const { peerDependencies } = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8'));
    expect(peerDependencies['pathpress-linux-x64']).toBe(version);
  });

  // As ES modules: CommonJS reaches them by a dynamic import alone.
  it('has types that every way of resolving modules finds (attw)', () => {
    const attw = join(packageRoot, 'node_modules', '@arethetypeswrong', 'cli', 'dist', 'index.js');
    const args = [attw, join(folder, packed.filename), '--profile', 'esm-only', '--format', 'json'];
    const { status, stdout, stderr } = run(process.execPath, args);
    const { problems } = JSON.parse(stdout || '{}');
    expect({ status, problems, stderr }).toMatchObject({ status: 0, stderr: '' });
  });

  it('is of the size that README states: below 20 MB', () => expect(packed.size).toBeLessThan(20e6));
});

describe('imported by another package', () => {
  it('exports its interface and package.json alone', () => {
    const source = `
      const inner = await import('pathpress/dist/engine/engine.js').catch(({ code }) => code);
      const { default: manifest } = await import('pathpress/package.json', { with: { type: 'json' } });
      const { entropyCeiling, settlePolicy } = await import('pathpress');
      const used = [entropyCeiling(4, 1), settlePolicy('rpc').interval];
      console.log(JSON.stringify([inner, manifest.version, ...used]));`;
    const quiet = "process.removeAllListeners('warning');"; // import attributes are experimental in Node 20
    expect(consume(quiet + source)).toEqual(['ERR_PACKAGE_PATH_NOT_EXPORTED', version, 2, 1024]);
  });

  it('does nothing at import', () => {
    const source = `
      import { readdirSync } from 'node:fs';
      const state = () => ({
        globals: Object.getOwnPropertyNames(globalThis).filter((name) => !name.startsWith('__zod')), // zod's own
        listeners: process.eventNames().map((name) => [String(name), process.listenerCount(name)]),
        environment: { ...process.env },
        folder: [process.cwd(), readdirSync('.')],
        engine: process.report.getReport().sharedObjects.some((path) => path.endsWith('engine.node')),
      });
      const loaders = ['PipeWrap', 'CloseReq', 'FSReqPromise']; // standard output, and files that Node is about to close
      const before = state();
      await import('pathpress');
      const busy = process.getActiveResourcesInfo().filter((what) => !loaders.includes(what));
      console.log(JSON.stringify({ before, after: state(), busy }));`;
    const { before, after, busy } = consume(source) as { before: object; after: object; busy: string[] };
    expect(after).toEqual(before);
    expect(busy).toEqual([]);
  });
});

const compilers = [
  { wanted: '5.0', module: '@tslab/typescript-for-tslab' }, // 5.0.4, which comes with tslab
  { wanted: '5.9', module: 'typescript' },
];

describe.each(compilers)('its types under TypeScript $wanted', ({ wanted, module }) => {
  const manifest = join(packageRoot, 'node_modules', module, 'package.json');
  const found = existsSync(manifest) ? JSON.parse(readFileSync(manifest, 'utf8')).version : 'none';
  if (!found.startsWith(`${wanted}.`)) {
    it.skip(`cannot be read: ${module} is ${found}`, () => undefined);
    return;
  }
  const source = `
    import { closedForm, ngramEntropy, openEngine, PathPressError, settlePolicy } from 'pathpress';
    import type { Engine, GenerateResult, Policy } from 'pathpress';
    export const bits: number = ngramEntropy([1, 2, 3], 2);
    export const policy: Policy = settlePolicy('rpc', { interval: 128 });
    export const peak: number = closedForm(policy, 5, 40).peak;
    export async function generate(model: string): Promise<GenerateResult> {
      const engine: Engine = await openEngine({ model, cache: 'bf16' });
      const sampling = { temperature: 0, topP: 1, topK: 0, minP: 0, seed: 0 };
      const run = engine.generate({ promptIds: [1], policy, sampling, maxTokens: 8 });
      for await (const id of run) console.log(id.toFixed());
      return run.result;
    }
    // @ts-expect-error an interface that could not be read would be \`any\`
    export const wrong: string = ngramEntropy([1], 1);
    // @ts-expect-error 'fp8' is no type of cache
    void openEngine({ model: '.', cache: 'fp8' });
    export const code = (error: unknown) => (error instanceof PathPressError ? error.code : 'INTERNAL');`;

  it.each(['NodeNext', 'Bundler'] as const)('are read by an ES module (%s)', (resolution) => {
    const ts: typeof TypeScript = require(module);
    const file = join(consumer, 'main.ts');
    writeFileSync(file, source);
    const program = ts.createProgram([file], {
      target: ts.ScriptTarget.ES2022,
      module: resolution === 'Bundler' ? ts.ModuleKind.ESNext : ts.ModuleKind.NodeNext,
      moduleResolution: ts.ModuleResolutionKind[resolution],
      lib: ['lib.es2023.d.ts'],
      types: ['node'],
      typeRoots: [join(consumer, 'node_modules', '@types')],
      strict: true,
      noEmit: true,
      skipLibCheck: false,
    });
    // Other packages' declarations are not ours to mend; they are linked, so that their files lie elsewhere.
    const ours = ts.getPreEmitDiagnostics(program).filter(({ file: at }) => !at || at.fileName.startsWith(consumer));
    expect(ours.map(({ file: at, messageText }) => [at?.fileName, messageText])).toEqual([]);
  });
});

describe('its engine', () => {
  it('is not compiled without the tools: the error says which are missing and how to get them', () => {
    const { status, stdout, stderr } = install(noTools);
    expect(status).toBe(1);
    expect(stdout).toContain(`no package ${prebuiltName}`);
    for (const part of ['CMake 3.22', 'C++20 compiler', 'Ninja or make', 'sudo apt install cmake g++ ninja-build']) {
      expect(stderr).toContain(part);
    }
  });

  it('missing, is named by what needs it, with the command that compiles it', () => {
    const { stdout, status } = run(process.execPath, [join(installed, 'dist', 'cli.js'), '--version']);
    expect(status).toBe(0);
    expect(stdout).toMatch(new RegExp(`^${version}\nengine missing: .*build\\.mjs.*NOT_BUILT`));
  });

  describe('prebuilt', () => {
    const prebuilt = join(consumer, 'node_modules', prebuiltName);
    beforeAll(() => {
      const addon = join(packageRoot, 'build', 'native', 'engine.node');
      const args = [join(packageRoot, 'native', 'prebuild.mjs'), '--addon', addon, '--out', folder];
      const { status, stderr } = run(process.execPath, args);
      expect(status, stderr).toBe(0);
      unpack(join(folder, `${prebuiltName}-${version}.tgz`), prebuilt);
    });

    it('is chosen before compiling', () => {
      const said = expect.stringContaining(join(prebuilt, 'engine.node'));
      expect(install(noTools)).toMatchObject({ status: 0, stdout: said });
      const { stdout } = run(process.execPath, [join(installed, 'dist', 'cli.js'), '--version']);
      expect(stdout).toMatch(new RegExp(`^${version}\nengine ${version}, simd (scalar|avx2|avx512), cuda (yes|no \\(.*\\))\n$`));
    });

    it('of another version is left alone, and named', () => {
      const manifest = join(prebuilt, 'package.json');
      writeFileSync(manifest, readFileSync(manifest, 'utf8').replace(`"version": "${version}"`, '"version": "9.9.9"'));
      const said = expect.stringContaining(`${prebuiltName} is of version 9.9.9, not `);
      expect(install(noTools)).toMatchObject({ status: 1, stdout: said });
    });
  });
});
