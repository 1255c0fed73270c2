// What a run asks of the engine and what it gets back. The field names are those of src/engine/types.ts.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "../policies/policy.h"
#include "sampler.h"

namespace pathpress {

// For benchmarks of the CPU: a sequence begins in the middle, with keys and values that nobody computed. Its first pass is
// a decode pass. Only with policies that note nothing of earlier attention; a preemption computes it from the prompt
// instead. A GPU's benchmark (cuda/bench) fills pages by kernels and takes steps and compressions without an engine, which
// would time the host too: a GPU refuses it.
struct Assumed {
  int entries = 0;      // that the cache holds of each head; 0 for a sequence that begins at its beginning
  int64_t written = 0;  // generated tokens already written: at least as many as entries beside the prompt
};

struct Request {
  std::vector<int32_t> promptIds;
  PolicyOptions policy;
  Sampling sampling;
  int64_t maxTokens = 0;
  std::vector<int32_t> stopIds;
  int32_t stream[2] = {0, 0};
  bool trace = false;
  bool scored = false;     // candidates are scored by whoever listens (Listener::ask); one set a layer or key-value head
  bool scoreKeys = false;  // and their keys are shown too
  std::vector<int32_t> forced;  // tokens fed as if they had been generated (maxTokens of them); none: they are sampled
  bool tokens = true;      // the listener hears of each token as it comes, not of the result alone
  bool aborted = false;   // before it was made: it comes to nothing
  bool lockstep = false;  // wait for an acknowledgement of each token, so that who listens can stop at an exact token
  Assumed assumed;

  uint64_t lotSeed() const { return policy.drawSeed < 0 ? sampling.seed : static_cast<uint64_t>(policy.drawSeed); }
};

// Entries of a set, the mean over a layer's sets where they differ; generated is 0 at the end of prefill.
struct Compression {
  int64_t generated = 0, before = 0, after = 0;
};

// Of a policy that evicts at every step; first and last as in Compression::generated.
struct Evictions {
  int64_t count = 0, first = 0, last = 0;
};

struct KeptPositions {
  int64_t generated = 0;
  int layer = 0;
  int head = -1;  // -1 where one set serves the layer
  std::vector<int32_t> positions;
  std::vector<float> mass;  // attention that each gathered, where the policy notes it
};

struct CacheReport {
  double finalEntries = 0, peakEntries = 0, meanEntries = 0;
  double peakBytes = 0, meanBytes = 0, sideBytes = 0, readBytes = 0;
  double minEntries = 0, maxEntries = 0;  // of a head, at the end
};

enum class Finish { stop, length, aborted };

struct Result {
  std::vector<int32_t> ids;
  std::vector<float> logLikelihoods;  // of Request::forced: natural logarithm, one a token
  Finish finish = Finish::length;
  int64_t promptTokens = 0;
  std::vector<Compression> compressions;
  std::optional<Evictions> evictions;  // in place of the list, where there is one at every step
  CacheReport cache;
  double prefillSeconds = 0, decodeSeconds = 0, compressSeconds = 0;
  std::vector<KeptPositions> trace;
};

// A set that a compression is to make smaller, for somebody else to score.
struct Ballot {
  int layer = 0;
  int head = -1;                   // -1 where one set serves the layer
  int64_t stay = 0;                // candidates that will stay
  std::vector<int32_t> positions;  // of the candidates
  std::vector<int32_t> ids;        // their tokens
  std::vector<float> votes;        // what the policy itself makes of them
  std::vector<float> entropies;    // bits, of the distribution that each was drawn from; NaN in the prompt
  std::vector<float> keys;         // (key-value heads of the set, candidates, dim), where asked for
};

// What a sequence waits for; it is answered by number (Engine::answer).
struct Question {
  uint64_t number = 0;
  int64_t generated = 0;  // as in Compression
  int heads = 0, dim = 0;  // key-value heads of a set, and their size
  std::vector<Ballot> ballots;
};

// Hears of a run, on the engine's thread; logits and tokens of different requests perhaps on several threads at once.
struct Listener {
  virtual ~Listener() = default;
  // What the request's next token is about to be drawn from, (vocab); for whoever compares bits.
  virtual void logits(size_t, std::span<const float>) {}
  virtual void token(size_t request, int32_t id) = 0;
  virtual void result(size_t request, Result&& result) = 0;
  // A compression of a request that is `scored`; the run's others go on. The same one may be asked about again after its
  // sequence was preempted, under another number.
  virtual void ask(size_t, Question&&) {}
  // In place of a result: this request cannot go on, the run's others do.
  virtual void failed(size_t request, const std::string& code, const std::string& message) = 0;
  // The last call of a run: code empty where all went well.
  virtual void done(const std::string& code, const std::string& message) = 0;
};

}  // namespace pathpress
