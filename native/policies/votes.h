// Votes of query rows on keys, and what is done with them before candidates are compared.
#pragma once

#include "select.h"

namespace pathpress {

// Votes on the candidates into scratch.scores: summed over rows, mean over voters.
void countVotes(const Recipe& recipe, const CandidateSet& set, SelectScratch& scratch);

// Replaces each of scratch.scores by the mean or the largest of its neighbourhood.
void poolVotes(const Recipe& recipe, std::span<const int32_t> positions, DType arithmetic, SelectScratch& scratch);

// R-KV's redundancy, taken off scratch.ranks: lambda · mean vote of a row − (1 − lambda) · redundancy. Of a key-value
// head: cosine similarity of all its keys, the diagonal and in each row the last one above 0.5 set to 0; mean of a
// column; softmax over the columns. Mean over the set's key-value heads.
void takeOffRedundancy(const Recipe& recipe, const CandidateSet& set, SelectScratch& scratch);

}  // namespace pathpress
