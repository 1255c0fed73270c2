#include "probes.h"

#include "../words.h"

namespace pathpress::cuda::bench {

constexpr int probeThreads = 256, probeBlocks = 132 * 16;
constexpr int deep = 8;  // reads of a lane under way at once

DEVICE uint32_t scramble(uint32_t x) {
  x = (x ^ x >> 16) * 0x7FEB352Du;
  x = (x ^ x >> 15) * 0x846CA68Bu;
  return x ^ x >> 16;
}

KERNEL fill(Global<Bf16> to, int64_t words, float width, uint32_t seed) {
  const int64_t stride = int64_t{gridBlocks()} * blockThreads();
  for (int64_t begin = 0; begin < words; begin += stride) {
    const int64_t at = begin + int64_t{blockIndex()} * blockThreads() + threadIndex();
    Words made;
    UNROLL(4)
    for (int i = 0; i < 4; ++i) {
      const uint32_t bits = scramble(seed ^ scramble(static_cast<uint32_t>(at) * 4 + static_cast<uint32_t>(i)));
      const auto low = static_cast<float>(static_cast<int>(bits & 0xFFFF) - 0x8000);
      const auto high = static_cast<float>(static_cast<int>(bits >> 16) - 0x8000);
      made.word[i] = halves(low * (width / 0x8000), high * (width / 0x8000));
    }
    to.store16If(at < words, at * 8, made);
  }
}

KERNEL read(Global<const Bf16> from, int64_t words, Global<float> sink) {
  const int64_t stride = int64_t{gridBlocks()} * blockThreads();
  uint32_t mixed = 0;
  for (int64_t begin = 0; begin < words; begin += stride * deep) {
    Words read[deep];
    UNROLL(deep)
    for (int d = 0; d < deep; ++d) {
      const int64_t at = begin + d * stride + int64_t{blockIndex()} * blockThreads() + threadIndex();
      read[d] = from.stream16If(at < words, at * 8);
    }
    UNROLL(deep)
    for (int d = 0; d < deep; ++d) mixed ^= read[d].word[0] ^ read[d].word[1] ^ read[d].word[2] ^ read[d].word[3];
  }
  sink.storeIf(mixed == 0x12345678u, threadIndex(), asFloat(mixed));
}

KERNEL copy(Global<const Bf16> from, Global<Bf16> to, int64_t words) {
  const int64_t stride = int64_t{gridBlocks()} * blockThreads();
  for (int64_t begin = 0; begin < words; begin += stride * deep) {
    Words read[deep];
    UNROLL(deep)
    for (int d = 0; d < deep; ++d) {
      const int64_t at = begin + d * stride + int64_t{blockIndex()} * blockThreads() + threadIndex();
      read[d] = from.stream16If(at < words, at * 8);
    }
    UNROLL(deep)
    for (int d = 0; d < deep; ++d) {
      const int64_t at = begin + d * stride + int64_t{blockIndex()} * blockThreads() + threadIndex();
      to.store16If(at < words, at * 8, read[d]);
    }
  }
}

KERNEL multiplyOwn(int rounds, Global<float> sink) {
  const uint32_t bits = scramble(static_cast<uint32_t>(threadIndex())) & 0x3FFF3FFFu;  // below 2, so no infinity soon
  const FragmentA a{{bits, bits ^ 0x00010001u, bits ^ 0x00020002u, bits ^ 0x00030003u}};
  const FragmentB b{{bits ^ 0x00050005u, bits ^ 0x00070007u}};
  FragmentC sums[multiplyWarpTiles] = {};
  for (int round = 0; round < rounds; ++round) {
    UNROLL(multiplyWarpTiles)
    for (int t = 0; t < multiplyWarpTiles; ++t) mma(sums[t], a, b);
  }
  float all = 0;
  UNROLL(multiplyWarpTiles)
  for (int t = 0; t < multiplyWarpTiles; ++t) {
    UNROLL(4)
    for (int i = 0; i < 4; ++i) all += sums[t].value[i];
  }
  sink.storeIf(all == 0.125f, threadIndex(), all);
}

KERNEL nothing(int) {}

void fillRandom(Stream stream, const Global<Bf16>& to, int64_t count, float width, uint32_t seed) {
  launch(stream, {probeBlocks, probeThreads}, fill, to, count / 8, width, seed);
}

void readAll(Stream stream, const Global<const Bf16>& from, int64_t count, const Global<float>& sink) {
  launch(stream, {probeBlocks, probeThreads}, read, from, count / 8, sink);
}

void copyAll(Stream stream, const Global<const Bf16>& from, const Global<Bf16>& to, int64_t count) {
  launch(stream, {probeBlocks, probeThreads}, copy, from, to, count / 8);
}

void multiplyRegisters(Stream stream, int blocks, int rounds, const Global<float>& sink) {
  launch(stream, {blocks, probeThreads}, multiplyOwn, rounds, sink);
}

void doNothing(Stream stream) { launch(stream, {1, 32}, nothing, 0); }

}  // namespace pathpress::cuda::bench
