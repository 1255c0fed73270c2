// The keys of one head that a compression's rows vote on.
#pragma once

#include <span>

#include "../policies/own_keys.h"
#include "sequence_cache.h"

namespace pathpress {

// Keys of the entries listed, ascending: in the cache's own pages where they lie there one after the other and as values
// of `arithmetic` (f32 takes any), else copied into `own`, rounded to it. Valid until either changes.
KeyPages votedKeys(const SequenceCache& cache, int layer, int kvHead, std::span<const int32_t> entries, DType arithmetic,
                   OwnKeys& own);

}  // namespace pathpress
