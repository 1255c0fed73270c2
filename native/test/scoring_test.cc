// Scores from outside (a scorer in TypeScript): asked between two steps, answered whenever; who gets no answer, or a wrong
// one, ends by itself; who cannot be asked is refused.
#include <limits>
#include <new>
#include <random>
#include <thread>

#include "check.h"
#include "engine_world.h"

using namespace pathpress;

namespace {

// Gives the votes back as scores, from a thread of its own and in its own time.
struct Answering : Collector {
  Answering(Engine& engine, uint64_t run, size_t requests) : Collector(requests), engine(engine), run(run) {}
  ~Answering() override {
    for (std::thread& one : busy) one.join();
  }
  void ask(size_t request, Question&& question) override {
    asked += 1;
    busy.emplace_back([this, request, question = std::move(question)] {
      std::vector<std::vector<float>> scores;
      for (const Ballot& ballot : question.ballots) scores.push_back(ballot.votes);
      std::this_thread::sleep_for(std::chrono::microseconds(50 * (question.number % 9)));
      engine.answer(run, request, question.number + 1'000'000, {});
      engine.answer(run, request, question.number, scores);
    });
  }
  Engine& engine;
  uint64_t run;
  int asked = 0;
  std::vector<std::thread> busy;
};

// Scores from outside that are the votes: what rpc has by itself, whatever is preempted while it waits. The compression
// that comes with the last token is waited for.
void scored() {
  Engine engine(options(2)), quiet(options(1));
  std::vector<Request> all;
  for (int i = 0; i < 6; ++i) {
    Request one = request(i, 68 + i);
    one.policy = {.name = "rpc", .interval = 8, .window = 4, .aggregation = i % 2 ? "layer" : "group"};
    all.push_back(one);
  }
  const auto reference = finish(quiet, 1, all, 1);
  for (Request& one : all) one.scored = one.scoreKeys = true;
  std::mt19937 random(11);
  int asked = 0;
  for (uint64_t round = 0; round < 8; ++round) {
    const auto got = std::make_shared<Answering>(engine, round, all.size());
    engine.start(round, all, all.size(), got);
    for (int i = 0; i < 40; ++i) {
      std::this_thread::sleep_for(std::chrono::microseconds(random() % 400));
      engine.preempt(round, random() % all.size());
    }
    got->finished.get_future().wait();
    asked += got->asked;
    CHECK(oneResultEach(*got));
    for (size_t i = 0; i < all.size(); ++i) {
      Result result = got->results[i][0];
      CHECK(result.cache.sideBytes > reference->results[i][0].cache.sideBytes);  // entropies
      result.cache.sideBytes = reference->results[i][0].cache.sideBytes;
      CHECK_CASE(sameResult(result, reference->results[i][0]) && got->tokens[i] == result.ids, std::to_string(i));
    }
  }
  CHECK_CASE(asked > 8 * 6 * 8, std::to_string(asked));
  const auto wrong = std::make_shared<Answering>(engine, 99, all.size());
  wrong->run = 98;  // nobody's: the run waits until it is aborted
  engine.start(99, all, 2, wrong);
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  engine.abort(99);
  wrong->finished.get_future().wait();
  CHECK(oneResultEach(*wrong) && wrong->results[0][0].finish == Finish::aborted);
}

// What a question shows finds no memory, or its answer is none: its request fails, the others and other runs go on.
void unanswerable() {
  struct Failing : Answering {
    using Answering::Answering;
    void ask(size_t request, Question&& question) override {
      if (request == 0) throw std::bad_alloc();
      if (request > 1) return Answering::ask(request, std::move(question));
      std::vector<std::vector<float>> scores;
      for (const Ballot& ballot : question.ballots) scores.push_back(ballot.votes);
      scores[1][2] = std::numeric_limits<float>::quiet_NaN();
      engine.answer(run, request, question.number, scores);
    }
  };
  Engine engine(options(2));
  auto all = requests(3, 60);
  for (Request& one : all) one.policy.aggregation = "layer";
  const auto alone = finish(engine, 1, all, 3);
  const auto beside = std::make_shared<Collector>(all.size());
  engine.start(2, all, all.size(), beside);
  for (Request& one : all) one.scored = true;
  const auto got = std::make_shared<Failing>(engine, 3, all.size());
  engine.start(3, all, all.size(), got);
  got->finished.get_future().wait();
  beside->finished.get_future().wait();
  CHECK(got->end.empty() && got->failures[0].size() == 1 && got->failures[1].size() == 1);
  CHECK(!got->failures[0].empty() && got->failures[0][0].starts_with("OUT_OF_MEMORY request 0, token 21: "));
  CHECK(!got->failures[1].empty() && got->failures[1][0].ends_with("the scores are not one number a candidate"));
  CHECK(got->results[2].size() == 1 && got->results[2][0].ids == alone->results[2][0].ids);
  CHECK(oneResultEach(*beside));
}

void refused() {
  Engine engine(options(1));
  // Policies that have no candidates of one size to show, or an order beside the score.
  for (const std::string policy : {"recency", "lookahead", "adakv", "vase", "full", "rpc head"}) {
    auto scored = requests(1, 10);
    scored[0].scored = true;
    scored[0].policy.name = policy.substr(0, policy.find(' '));
    scored[0].policy.aggregation = policy == "rpc head" ? "head" : "layer";
    scored[0].policy.pinPrompt = policy != "adakv";
    if (policy == "adakv") scored[0].policy.budget = "cap", scored[0].policy.keep = 24;
    const auto said = check::thrown([&] { engine.start(2, scored, 1, std::make_shared<Collector>(1)); });
    CHECK_CASE(said.starts_with("scored: "), policy + ": " + said);
  }
}

}  // namespace

int main() {
  scored();
  unanswerable();
  refused();
  return checks();
}
