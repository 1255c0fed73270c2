// Scores from outside on a device: what somebody is shown of the candidates against what the CPU engine shows, and that
// scores decide.
#include <thread>

#include "engine_cases.h"

namespace pathpress::cuda {
namespace {

using Score = std::function<std::vector<float>(const Ballot&)>;

// Answers at once, and keeps what it was asked.
struct Answering : Collector {
  Answering(Engine& engine, size_t requests, Score score)
      : Collector(requests), questions(requests), engine_(engine), score_(std::move(score)) {}
  void ask(size_t request, Question&& question) override {
    std::vector<std::vector<float>> scores;
    for (const Ballot& ballot : question.ballots) scores.push_back(score_(ballot));
    const uint64_t number = question.number;
    questions[request].push_back(std::move(question));
    engine_.answer(1, request, number, scores);
  }
  std::vector<std::vector<Question>> questions;

 private:
  Engine& engine_;
  Score score_;
};

std::shared_ptr<Answering> answered(Engine& engine, const std::vector<Request>& requests, const Score& score) {
  const auto got = std::make_shared<Answering>(engine, requests.size(), score);
  engine.start(1, requests, 2, got);
  got->finished.get_future().wait();
  return got;
}

std::vector<float> votesOf(const Ballot& ballot) { return ballot.votes; }

// By what no rounding touches; neighbours lie apart.
std::vector<float> idsOf(const Ballot& ballot) {
  std::vector<float> scores;
  for (size_t i = 0; i < ballot.ids.size(); ++i) {
    scores.push_back(static_cast<float>((ballot.ids[i] * 37 + ballot.positions[i] * 11 + ballot.layer * 5) % 101));
  }
  return scores;
}

float apart(const std::vector<float>& a, const std::vector<float>& b) {
  float most = a.size() == b.size() ? 0 : INFINITY;
  for (size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
    const bool neither = std::isnan(a[i]) && std::isnan(b[i]);
    if (!neither && !(std::abs(a[i] - b[i]) <= most)) most = std::isnan(a[i] - b[i]) ? INFINITY : std::abs(a[i] - b[i]);
  }
  return most;
}

// Votes, entropies and keys are as far apart as bfloat16 leaves the two engines; all else is the same.
void shown() {
  for (const char* const sets : {"layer", "group"}) {
    const DrawnModel drawn(configOf("qwen3", 2, 2), DType::bf16, 3, deviation);
    PolicyOptions policy = policyOf("rpc");
    policy.aggregation = sets;
    std::vector<Request> requests = requestsOf(policy);
    for (Request& request : requests) request.scored = request.scoreKeys = true;
    Engine cpu(engineOptions(drawn));
    DeviceEngine device(drawn);
    const auto want = answered(cpu, requests, idsOf), got = answered(device.engine(), requests, idsOf);
    float votes = 0, entropies = 0, keys = 0;
    size_t asked = 0;
    for (size_t i = 0; i < requests.size(); ++i) {
      CHECK_CASE(agree(got->results[i].at(0), want->results[i].at(0)), std::string(sets) + std::to_string(i));
      if (!CHECK(got->questions[i].size() == want->questions[i].size())) continue;
      for (size_t q = 0; q < want->questions[i].size(); ++q) {
        const Question &ours = got->questions[i][q], &theirs = want->questions[i][q];
        CHECK(ours.generated == theirs.generated && ours.heads == theirs.heads && ours.dim == theirs.dim);
        if (!CHECK(ours.ballots.size() == theirs.ballots.size())) continue;
        for (size_t b = 0; b < theirs.ballots.size(); ++b) {
          const Ballot &mine = ours.ballots[b], &other = theirs.ballots[b];
          CHECK(mine.layer == other.layer && mine.head == other.head && mine.stay == other.stay);
          CHECK(mine.positions == other.positions && mine.ids == other.ids && !other.keys.empty());
          votes = std::max(votes, apart(mine.votes, other.votes));
          entropies = std::max(entropies, apart(mine.entropies, other.entropies));
          keys = std::max(keys, apart(mine.keys, other.keys));
          ++asked;
        }
      }
    }
    std::printf("scored, one set a %s: votes within %.4f, entropies within %.4f bits, keys within %.4f\n", sets,
                static_cast<double>(votes), static_cast<double>(entropies), static_cast<double>(keys));
    CHECK(votes <= 0.01f && entropies <= 0.02f && keys <= 0.1f && asked >= 8);
  }
}

// Scores that are the votes change nothing, whatever policy they are of; others do.
void decisive() {
  const DrawnModel drawn(configOf("qwen2", 2, 2), DType::bf16, 8, deviation);
  for (const char* const name : {"rpc", "rpc-shuffled", "snapkv-decode", "r-kv"}) {
    std::vector<Request> requests = requestsOf(policyOf(name));
    DeviceEngine plain(drawn), scored(drawn);
    const auto want = finish(plain.engine(), 1, requests, 2);
    for (Request& request : requests) request.scored = true;
    const auto got = answered(scored.engine(), requests, votesOf);
    for (size_t i = 0; i < requests.size(); ++i) {
      Result ours = got->results[i].at(0);
      ours.cache.sideBytes = want->results[i].at(0).cache.sideBytes;  // entropies
      CHECK_CASE(sameResult(ours, want->results[i][0]), name + std::to_string(i));
    }
    CHECK_CASE(got->questions[1].size() == 2, name);
    if (std::string("rpc") != name) continue;
    DeviceEngine other(drawn);
    CHECK(!sameResult(answered(other.engine(), requests, idsOf)->results[1].at(0), got->results[1].at(0)));
  }
}

}  // namespace
}  // namespace pathpress::cuda

CUDA_TEST(engine_scored) {
  using namespace pathpress::cuda;
  emulatedOnly("what is shown, against the CPU's", shown);
  decisive();
}
