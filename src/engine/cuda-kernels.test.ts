/**
 * How `npm run cuda-kernels` reads NVIDIA's tools: lines as ptxas 13.0.88 and cuobjdump 13.2.78 print them; what it makes
 * of them; and the record that it has left.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { occupancy } from '../../native/cuda/occupancy.mjs';
import { kernelName, readBounds, readLoads, readPtxas } from '../../native/cuda/ptxas.mjs';
import { packageRoot } from '../package.js';

const name = '_ZN9pathpress4cuda13multiplyTilesILi8EEEvNS0_13WeightProductEi';
const said = (architecture: string, spilled: number): string => `ptxas info    : 0 bytes gmem
ptxas info    : Compiling entry function '${name}' for '${architecture}'
ptxas info    : Function properties for ${name}
    ${spilled} bytes stack frame, ${spilled} bytes spill stores, ${spilled + 4} bytes spill loads
ptxas info    : Used 128 registers, used 1 barriers, ${spilled} bytes cumulative stack size, 40960 bytes smem
ptxas info    : Compile time = 191.357 ms
`;

describe('what is read of the kernels', () => {
  it('names them as the source does', () => {
    expect(kernelName(name)).toBe('multiplyTiles<8>');
    expect(kernelName('_ZN9pathpress4cuda6attendILi128ELb1EEEvi')).toBe('attend<128, 1>');
    expect(kernelName('_ZN9pathpress4cuda5plainEv')).toBe('plain');
    expect(kernelName('_Z5othersv')).toBe('_Z5othersv');
  });

  it('finds registers, shared memory and spills of each architecture', () => {
    const row = { kernel: 'multiplyTiles<8>', registers: 128, shared: 40960 };
    expect(readPtxas(said('sm_80', 0) + said('sm_90', 8))).toEqual([
      { ...row, architecture: 'sm_80', stack: 0, spillStores: 0, spillLoads: 4 },
      { ...row, architecture: 'sm_90', stack: 8, spillStores: 8, spillLoads: 12 },
    ]);
  });

  it('counts the loads by their width', () => {
    const code = [
      'arch = sm_90', `		Function : ${name}`,
      '        /*01b0*/              @!P0 LDG.E.NA.128.CONSTANT R4, desc[UR6][R12.64] ;                 /* 0x0 */',
      '        /*01c0*/                   LDG.E.128 R4, desc[UR6][R12.64] ;',
      '        LDG.E.U16 R2, desc[UR6][R8.64] ;', '        LDG.E R2, desc[UR6][R8.64] ;',
      '        LDG.E.64 R2, desc[UR6][R8.64] ;', '        LDGSTS.E.BYPASS.128 [R11] ;',
      '        STG.E.128 desc[UR6][R8.64], R4 ;',
    ];
    expect(readLoads(code.join('\n'))).toEqual(new Map([['multiplyTiles<8> sm_90', { 16: 1, 32: 1, 64: 1, 128: 3 }]]));
  });

  it('finds the launch bounds of kernels that have them', () => {
    const about = (kernel: string, attribute: string, value: string) =>
      [`.nv.info.${kernel}`, '\t<0x1>', `\tAttribute:\t${attribute}`, '\tFormat:\tEIFMT_SVAL', `\tValue:\t${value}`];
    const lines = [
      'arch = sm_90', ...about(name, 'EIATTR_MAX_THREADS', '0x100 0x1 0x1 '), ...about('_Z5othersv', 'EIATTR_EXIT_INSTR_OFFSETS', '0x360 0xaf0 0xd00 0xda0 '),
      'arch = sm_100', ...about(name, 'EIATTR_MAX_THREADS', '0x20 0x4 0x2 '),
    ];
    expect(readBounds(lines.join('\n'))).toEqual(new Map([['multiplyTiles<8> sm_90', 256], ['multiplyTiles<8> sm_100', 256]]));
  });
});

describe('blocks of a kernel on a multiprocessor', () => {
  it('are limited by the tightest of warps, registers, shared memory and blocks (by hand)', () => {
    const of = (architecture: string, threads: number, registers: number, shared: number) => occupancy({ architecture, threads, registers, shared });
    // 64 warps of 2 are 32 blocks; of 1 there are no more.
    expect(of('sm_90', 64, 22, 0)).toEqual({ blocks: 32, warps: 64, share: 1, limit: 'warps' });
    expect(of('sm_90', 32, 22, 0)).toEqual({ blocks: 32, warps: 32, share: 0.5, limit: 'blocks' });
    // 4,096 registers a warp: four in each of four parts of 16,384, so 16 warps, two blocks of 8.
    expect(of('sm_100', 256, 128, 0)).toEqual({ blocks: 2, warps: 16, share: 0.25, limit: 'registers' });
    // 3,072 a warp: five in a part, so 20 warps and two blocks of 7, though all 65,536 together would hold 21.
    expect(of('sm_90', 224, 96, 0)).toMatchObject({ blocks: 2, limit: 'registers' });
    // 33 registers take as many as 40: 1,280 a warp, twelve in a part, 48 warps.
    expect(of('sm_90', 128, 33, 0)).toMatchObject({ blocks: 12 });
    // 40,960 bytes and the system's 1,024: just 4 into 164 KB, 5 into 228.
    expect(of('sm_80', 128, 32, 40960)).toEqual({ blocks: 4, warps: 16, share: 0.25, limit: 'shared' });
    expect(of('sm_80', 128, 32, 40961)).toMatchObject({ blocks: 3 });
    expect(of('sm_90', 128, 32, 40960)).toMatchObject({ blocks: 5 });
  });

  // cudaOccMaxActiveBlocksPerMultiprocessor of CUDA 13.0's cuda_occupancy.h, with the guide's numbers of each architecture.
  it.each([
    ['sm_80', 512, 22, 0, 4], ['sm_80', 256, 72, 20480, 3], ['sm_80', 128, 168, 40960, 3], ['sm_80', 256, 255, 0, 1],
    ['sm_90', 256, 64, 10240, 4], ['sm_90', 512, 96, 0, 1], ['sm_90', 256, 128, 40960, 2], ['sm_90', 128, 168, 2048, 3],
    ['sm_90', 64, 255, 49152, 4], ['sm_100', 256, 40, 20480, 6], ['sm_100', 512, 72, 0, 1], ['sm_100', 256, 168, 10240, 1],
  ])('are as many as NVIDIA’s own calculator says: %s, %i threads, %i registers, %i bytes: %i', (architecture, threads, registers, shared, blocks) => {
    expect(occupancy({ architecture, threads, registers, shared }).blocks).toBe(blocks);
  });
});

describe('the record of the kernels', () => {
  const count = z.number().int().nonnegative();
  const schema = z.strictObject({
    name: z.literal('gpu-kernels'), command: z.string(), nvcc: z.string().regex(/^\d+\.\d+\.\d+$/), made: z.iso.date(),
    kernels: z.array(z.strictObject({
      kernel: z.string().min(1), architecture: z.enum(['sm_80', 'sm_90', 'sm_100']), threads: count.positive(), registers: count.positive(),
      shared: count, stack: count, spillStores: z.literal(0), spillLoads: z.literal(0),
      occupancy: z.strictObject({ blocks: count.positive(), warps: count.positive(), share: z.number().positive().max(1), limit: z.string() }),
      loads: z.record(z.string(), count),
    })), // prettier-ignore
  });
  const { kernels } = schema.parse(JSON.parse(readFileSync(join(packageRoot, 'data', 'records', 'gpu-kernels.json'), 'utf8')));

  it('has every kernel once for each architecture, none with spills', () => {
    const names = [...new Set(kernels.map(({ kernel }) => kernel))];
    expect(kernels.map(({ kernel, architecture }) => `${kernel} ${architecture}`).sort()).toEqual(
      names.flatMap((kernel) => ['sm_80', 'sm_90', 'sm_100'].map((architecture) => `${kernel} ${architecture}`)).sort(),
    );
    for (const step of ['startRow', 'multiplyTiles<8,', 'multiplyBlocks<2, 8,', 'attendChunk<128, 8', 'joinChunks']) expect(names.filter((name) => name.startsWith(step))).not.toEqual([]);
  });

  it('has the occupancy that its own numbers give', () => {
    for (const row of kernels) expect(row.occupancy).toEqual(occupancy(row));
  });
});
