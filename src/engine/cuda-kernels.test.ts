/** How `npm run cuda-kernels` reads NVIDIA's tools: lines as ptxas 13.0.88 and cuobjdump 13.2.78 print them. */
import { describe, expect, it } from 'vitest';
import { kernelName, readLoads, readPtxas } from '../../native/cuda/ptxas.mjs';

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
    expect(readLoads(code.join('\n'))).toEqual(new Map([['multiplyTiles<8> sm_90', { 16: 1, 32: 1, 64: 1, 128: 2 }]]));
  });
});
