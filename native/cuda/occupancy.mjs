// How many blocks of a kernel a streaming multiprocessor holds at once, and what stops it from holding more.

// Of a multiprocessor, by the CUDA C++ Programming Guide's "Technical Specifications per Compute Capability" (8.0, 9.0 and
// 10.0): 65,536 registers, 64 warps and 32 blocks each; shared memory in bytes.
const sharedMemory = { sm_80: 164 * 1024, sm_90: 228 * 1024, sm_100: 228 * 1024 };
const registers = 65536, mostWarps = 64, mostBlocks = 32;
// How they are dealt out, by NVIDIA's cuda_occupancy.h: registers to a warp in lots of 256 from one of four parts, shared
// memory to a block in lots of 128 bytes beside 1,024 that the system takes.
const parts = 4, registerLot = 256, sharedLot = 128, systemShared = 1024;

const roundUp = (value, lot) => Math.ceil(value / lot) * lot;

/**
 * @param kernel {architecture, threads of a block, registers of a thread, static shared memory in bytes}
 * @returns blocks and warps at once, their share of the warps that there is room for, and the tightest limit
 */
export function occupancy({ architecture, threads, registers: each, shared }) {
  const warps = Math.ceil(threads / 32);
  const warpsByRegisters = parts * Math.floor(registers / parts / roundUp(each * 32, registerLot));
  const limits = [
    ['warps', Math.floor(mostWarps / warps)],
    ['registers', Math.floor(warpsByRegisters / warps)],
    ['shared', Math.floor(sharedMemory[architecture] / roundUp(shared + systemShared, sharedLot))],
    ['blocks', mostBlocks],
  ];
  const blocks = Math.min(...limits.map(([, most]) => most));
  const [limit] = limits.find(([, most]) => most === blocks);
  return { blocks, warps: blocks * warps, share: (blocks * warps) / mostWarps, limit };
}
