// R-KV's redundancy of keys, taken off the ranks: native/policies/votes.cc on the device. Of a key-value head the
// cosine similarity of all keys, the diagonal and in each row the last one above 0.5 set to 0; mean of a column;
// softmax over the columns; mean over a set's heads.
#pragma once

#include "ranks.h"

namespace pathpress::cuda {

struct Redundancy {
  Ranks ranks;               // each becomes lambda · rank / rows − (1 − lambda) · redundancy
  Global<float> scales;      // (layers, kvHeads, keysRoom()): one over a key's length
  Global<float> sums;        // the same: of a key's row, which is its column too but for what is set to 0
  Global<unsigned long long> dropped;  // the same: what is set to 0 in a key's column, in units of 2^-24
  bool all;                  // keys of all entries are compared, not those of candidates alone
  double lambda;

  HOST_DEVICE int keysRoom() const { return ranks.cache.chunkCount * votePages * cachePageEntries; }
  HOST_DEVICE int keysEnd(const Due& due) const { return all ? due.length : due.softmaxEnd; }
  // Of entry 0 of a due, as if it had chunks from its first page on.
  HOST_DEVICE int64_t keysAt(int layer, int head, const Due& due) const {
    const int page = due.firstChunk * votePages - due.softmaxFirst / cachePageEntries;
    return (int64_t{layer} * ranks.cache.kvHeads + head) * keysRoom() + page * cachePageEntries;
  }
};

// False where the head size is none that it can do.
bool takeOffRedundancy(Stream stream, const Redundancy& task);

}  // namespace pathpress::cuda
