// Where blocks and warps of the passes stand among layers, heads and chunks.
#pragma once

#include "compress.h"

namespace pathpress::cuda {

constexpr int rankThreads = cachePageEntries * votePages;

// The candidates of a chunk, a thread each: a block's place where it works on a set.
struct RankPlace {
  Due due;
  int layer, set, number;  // of the due
  int first;               // candidate of thread 0; below 0 or past the last one there is none

  DEVICE explicit RankPlace(const CacheCompression& cache) {
    const Chunk chunk = cache.chunks.load(blockIndex() % cache.chunkCount);
    set = blockIndex() / cache.chunkCount % cache.sets;
    layer = blockIndex() / cache.chunkCount / cache.sets;
    number = chunk.due;
    due = cache.due.load(number);
    first = chunk.page * cachePageEntries - due.pinned;
  }
  DEVICE bool empty() const { return first + rankThreads <= 0 || first >= due.candidates; }
};

// A page of a chunk: a warp's place where its block works on a key-value head.
struct VotePlace {
  Due due;
  int layer, head, chunk, number;  // of the due
  int page;

  DEVICE explicit VotePlace(const CacheCompression& cache) {
    chunk = blockIndex() % cache.chunkCount;
    head = blockIndex() / cache.chunkCount % cache.kvHeads;
    layer = blockIndex() / cache.chunkCount / cache.kvHeads;
    const Chunk at = cache.chunks.load(chunk);
    number = at.due;
    due = cache.due.load(number);
    page = at.page + threadIndex() / 32;
  }
};

}  // namespace pathpress::cuda
