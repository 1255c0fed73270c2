// One sequence in the batch: what it has written, what its policy counts, what its result will say.
#pragma once

#include <algorithm>
#include <cmath>
#include <memory>
#include <optional>
#include <string>

#include "backend.h"
#include "clock.h"

namespace pathpress {

struct Run;

// Entries that a key-value head holds at its worst moment, by the policy's closed form, `written` tokens generated and
// `ahead` more looked at; `group` query heads share it.
int64_t mostEntries(const Policy& policy, int64_t prompt, int64_t written, int64_t ahead, int group);
// Of a request, to its end.
int64_t mostEntries(const Request& request, const Policy& policy, int group);

// A question under way.
struct Asked {
  uint64_t number;
  std::vector<size_t> candidates;  // of each set
  Clock::time_point since;
};

struct Sequence {
  // Throws EngineError OUT_OF_MEMORY.
  Sequence(const Request& request, Run& run, size_t index, std::unique_ptr<Policy> policy, Backend& backend);

  bool prefilling() const { return prefilled < progress.prompt; }
  // Counts of the pass that has just written `rows` entries; of generated tokens each is counted by itself.
  void afterPass(int rows);
  bool due() const { return !prefilling() && policy->due(progress); }
  void afterCompression(const Compression& compression);
  // Takes the token in; returns true where the sequence ends with it.
  bool accept(int32_t id);
  // What it has reached; the sequence is of no use afterwards.
  Result finish(Finish how);

  // Gives every block back. The sequence then runs again from its prompt, compressions included, with its tokens known;
  // since neither tokens nor kept sets depend on the batch, it gets to where it was, and its result tells of one run.
  void restart();
  bool forced() const { return !request.forced.empty(); }
  // Whether the next token is known, given or from before a restart, and which it is.
  bool replaying() const {
    return result.ids.size() < (forced() ? request.forced.size() : lost_ ? lost_->ids.size() : 0);
  }
  int32_t replayed() const { return generated(step()); }
  // The i-th generated token, 0-based, of those that are known.
  int32_t generated(size_t i) const {
    return i < result.ids.size() ? result.ids[i] : forced() ? request.forced[i] : lost_->ids[i];
  }
  // Whether so is the token that follows the next pass: what a look ahead sampled before a restart is not.
  bool knowsNext() const { return replaying() && (!ahead || forced()); }

  // Whether what a pass draws has to be taken before the next one begins: somebody hears of it first, or scores by it; a
  // trigger depends on it; what was looked at ahead is forgotten; or tokens are known, which are taken in many at a time.
  bool inStep() const {
    return request.lockstep || request.scored || recipe.entropies || recipe.ahead > 0 || forced() || replaying();
  }
  // Whether it ends with what was drawn for it.
  bool atLength() const { return !ahead && static_cast<int64_t>(step()) >= request.maxTokens; }

  // How many of the coming tokens are known and may be fed in one pass: of the prompt all that are left; of the generated
  // those up to the next compression, as far as the policy's side state takes several at once. Never 0.
  int64_t feedable() const;
  // The i-th token to come, and its true position.
  int32_t upcoming(int i) const;
  int position(int i) const;

  // Looking ahead (Recipe::ahead), from a trigger on: the next token is the sequence's own; those after it, and the
  // entries of all, are forgotten when it ends. What was noted of attention then is of this time alone.
  struct Ahead {
    int64_t rows = 0;          // entries written
    std::vector<int32_t> ids;  // tokens sampled
    size_t bytes = 0;          // of cache blocks at the trigger
  };
  int64_t aheadRows() const { return ahead ? ahead->rows : 0; }
  // Which of the sequence's random numbers draws the next token.
  uint64_t step() const { return result.ids.size() + (ahead ? ahead->ids.size() : unread); }
  void beginAhead();
  bool lookingAhead() const { return aheadRows() > 0; }
  // Takes in a token that nobody hears of; returns true where nothing follows it.
  bool acceptAhead(int32_t id);
  void endAhead();

  void fail(const std::string& code, const std::string& message);

  const Request& request;
  Run& run;
  size_t index;  // of the request in its run
  std::unique_ptr<Policy> policy;
  Recipe recipe;
  Progress progress;
  std::unique_ptr<Holding> holding;
  int64_t prefilled = 0;     // prompt tokens written
  int32_t next = 0;          // the token to feed
  int64_t turnEnd = 0;       // the first step after its turn
  bool unread = false;       // whether a token was drawn for it that was not taken yet
  bool waiting = false;      // for an acknowledgement (Request::lockstep)
  std::optional<Ahead> ahead;
  std::optional<Asked> asked;  // what it waits to have answered (Request::scored)
  bool ended = false;        // with the token that came meanwhile
  // Takes down the entropy of a token that was drawn, in bits, where somebody asks for it.
  bool notesEntropy() const { return request.scored || recipe.entropies; }
  void noteEntropy(float bits);
  std::vector<float> entropies;  // one a token that was drawn, those from before a restart included
  // What the logits before the given token say of it; NaN where they are not numbers. One after the other.
  void judge(float logLikelihood, float entropy);
  bool judgedWell() const { return !std::isnan(result.logLikelihoods[result.ids.size()]); }
  // Whether it can take part in a step.
  bool ready() const { return !parked && !waiting && !asked && !atLength(); }
  bool parked = false;       // restarted, and not yet admitted again
  double peakBlocks;         // at most, by the policy's closed form
  Result result;
  std::string failure, failureCode;  // where it cannot go on

 private:
  void assume();
  void afterPrefill(int rows);
  void afterDecode();
  bool stopsAt(int32_t id) const;
  // Of the tokens whose entries exist: after a restart the others' are still there, and not yet due.
  size_t entropyBytes() const {
    return std::min(entropies.size(), static_cast<size_t>(progress.written)) * (sizeof(float) + sizeof(double));
  }
  void track(const Held& held);
  void describeCache();

  double heads_;  // layers times key-value heads
  std::vector<double> entropySums_{0.0};  // Progress::entropySums
  std::optional<Result> lost_;  // what it had reached when it was restarted; none once it is there again
  int64_t decodePasses_ = 0;
  int64_t entrySum_ = 0, entryPeak_ = 0;  // over layers and key-value heads
  double byteSum_ = 0;
  size_t bytePeak_ = 0, sidePeak_ = 0;
  double readSum_ = 0;
};

}  // namespace pathpress
