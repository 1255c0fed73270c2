// Compressions whose candidates are scored by whoever listens: the sequence waits for the answer, the others go on.
#include <algorithm>
#include <cmath>
#include <limits>
#include <new>

#include "clock.h"
#include "engine.h"

namespace pathpress {

// Returns false where there is nothing to ask, since all candidates stay. One that finds no memory for what is shown (keys
// may be as large as the cache) fails.
bool Engine::ask(Sequence& s) {
  try {
    return poseQuestion(s);
  } catch (const std::bad_alloc&) {
    s.asked.reset();
    s.fail("OUT_OF_MEMORY", "the machine has no memory left for the candidates that its score is shown");
    return true;
  }
}

bool Engine::poseQuestion(Sequence& s) {
  const auto start = Clock::now();
  std::vector<std::vector<Ballot>> layers = backend_->ballots(s);
  if (backend_->cancelled() || layers[0].empty()) return false;  // sets are of one size (checkScored)
  const int sets = static_cast<int>(layers[0].size());
  const ModelConfig& config = backend_->model().config;
  Question question{++lastQuestion_, s.progress.written, config.kvHeads / sets, config.headDim, {}};
  Asked asked{question.number, {}, start};
  for (std::vector<Ballot>& layer : layers) {
    for (Ballot& ballot : layer) {
      for (const int32_t position : ballot.positions) {
        const int64_t token = position - s.progress.prompt;  // 0-based
        const auto at = static_cast<size_t>(token < 0 ? position : token);
        ballot.ids.push_back(token < 0 ? s.request.promptIds[at] : s.generated(at));
        ballot.entropies.push_back(token < 0 ? std::numeric_limits<float>::quiet_NaN() : s.entropies[at]);
      }
      asked.candidates.push_back(ballot.positions.size());
      question.ballots.push_back(std::move(ballot));
    }
  }
  s.asked = std::move(asked);
  s.run.listener->ask(s.index, std::move(question));
  return true;
}

void Engine::answer(uint64_t run, size_t request, uint64_t question, std::vector<std::vector<float>> scores) {
  post([this, run, request, question, scores = std::move(scores)] {
    for (const auto& sequence : sequences_) {
      if (sequence->run.id != run || sequence->index != request) continue;
      if (sequence->asked && sequence->asked->number == question) settle(*sequence, scores);
      return;
    }
  });
}

void Engine::settle(Sequence& s, const std::vector<std::vector<float>>& scores) {
  const Asked asked = std::move(*s.asked);
  s.asked.reset();
  bool fits = scores.size() == asked.candidates.size();
  for (size_t i = 0; fits && i < scores.size(); ++i) {
    fits = scores[i].size() == asked.candidates[i] && std::ranges::none_of(scores[i], [](float x) { return std::isnan(x); });
  }
  if (!fits) return s.fail("INTERNAL", "the scores are not one number a candidate");
  Sequence* const one[] = {&s};
  const double before = s.result.compressSeconds;
  try {
    compress(one, &scores);
  } catch (const std::bad_alloc&) {
    return s.fail("OUT_OF_MEMORY", "the machine has no memory left for a compression");
  }
  if (backend_->cancelled()) return;
  s.result.compressSeconds = before + secondsSince(asked.since);
  if (s.ended) endSequence(s);
}

}  // namespace pathpress
