// Generation under a policy that compresses: decode steps and compressions in turn on the device, against the CPU
// engine's tokens and kept positions. The query rows that vote are those that the steps left in the ring. Of two tokens,
// or two entries, that bfloat16 cannot tell apart either may come first: with the seed below none such decides anything.
#include "../passes.h"
#include "closeness.h"
#include "decode_world.h"

namespace pathpress::cuda {
namespace {

constexpr int tokens = 46, ringRows = 6;
constexpr float bound = 0.05f;  // as in cuda_decode_test
const DecoderLimits limits{2, 16, 3, 6, 96, ringRows};
const std::vector<int> lengths{5, 13};

PolicyOptions optionsOf(const std::string& name) {
  PolicyOptions options;
  options.name = name;
  options.interval = 18;
  options.window = ringRows;
  options.ratio = 3;
  options.kernel = 3;
  return options;
}

struct Kept {
  int64_t generated;
  int layer;
  std::vector<int32_t> positions;
  bool operator==(const Kept&) const = default;
};

struct Outcome {
  Generated generated;
  std::vector<Kept> kept;
};

std::vector<Outcome> byEngine(const DrawnModel& drawn, const std::vector<Prompt>& prompts, const PolicyOptions& policy) {
  Engine engine(engineOptions(drawn));
  std::vector<Request> requests(prompts.size());
  for (size_t i = 0; i < prompts.size(); ++i) {
    requests[i].promptIds = prompts[i].ids;
    requests[i].policy = policy;
    requests[i].maxTokens = tokens;
    requests[i].trace = true;
  }
  const auto keeper = std::make_shared<LogitsKeeper>(prompts.size());
  engine.start(1, std::move(requests), prompts.size(), keeper);
  keeper->finished.get_future().wait();
  std::vector<Outcome> all;
  for (size_t i = 0; i < prompts.size(); ++i) {
    const Result& result = keeper->results[i].at(0);
    Outcome& outcome = all.emplace_back(Outcome{{result.ids, keeper->rows[i]}, {}});
    for (const KeptPositions& kept : result.trace) {
      outcome.kept.push_back({kept.generated, kept.layer, kept.positions});
    }
  }
  return all;
}

// A decoder and a policy's sequences in its slots.
class PolicyRun {
 public:
  PolicyRun(TestDevice& device, Decoder& decoder, const Policy& policy, const std::vector<Prompt>& prompts)
      : device_(device), decoder_(decoder), policy_(policy), recipe_(policy.recipe()) {
    const DecodeStep& step = decoder.step();
    const ModelShape& shape = step.model->shape;
    cache_.pages = step.pages;
    cache_.table = step.table.pages;
    cache_.lengths = step.sequences.entries;
    cache_.layers = shape.layers;
    cache_.pool = static_cast<int>(step.poolPages);
    cache_.kvHeads = shape.kvHeads;
    cache_.group = shape.heads / shape.kvHeads;
    cache_.dim = shape.dim;
    cache_.slots = limits.slots;
    cache_.tableWidth = step.table.width;
    cache_.sets = 1;
    cache_.capacity = cache_.tableWidth * cachePageEntries;
    const auto listed = static_cast<size_t>(cache_.noteAt(cache_.layers, 0, 0));
    cache_.positions = device.array("listed positions", std::vector<int>(listed));
    outcomes_.resize(prompts.size());
    for (size_t i = 0; i < prompts.size(); ++i) begin(static_cast<int>(i), prompts[i]);
  }

  std::vector<Outcome> run() {
    std::vector<Decoder::Row> rows;
    for (size_t i = 0; i < outcomes_.size(); ++i) rows.push_back({static_cast<int>(i), -1, true});
    for (int step = 1; step < tokens; ++step) {
      for (const Decoder::Row& row : rows) CHECK(decoder_.reserve(row.slot, decoder_.entries(row.slot) + 1));
      CHECK(decoder_.run(rows));
      for (size_t i = 0; i < rows.size(); ++i) note(rows[i].slot, static_cast<int>(i));
      for (Progress& progress : progress_) progress.written += 1;
      compressDue();
    }
    return outcomes_;
  }

 private:
  Outcome& outcome(int slot) { return outcomes_[static_cast<size_t>(slot)]; }

  void note(int slot, int row) {
    outcome(slot).generated.ids.push_back(decoder_.drawn(slot));
    outcome(slot).generated.logits.push_back(decoder_.logits(row));
  }

  void begin(int slot, const Prompt& prompt) {
    decoder_.begin(slot, {0, 1, 0, 0, {0, 0}, 0}, {ringRows, 0, 1 << 30});
    CHECK(decoder_.reserve(slot, static_cast<int>(prompt.ids.size())));
    std::vector<Decoder::Row> rows;
    for (const int32_t id : prompt.ids) rows.push_back({slot, id, rows.size() + 1 == prompt.ids.size()});
    CHECK(decoder_.run(rows));
    note(slot, static_cast<int>(rows.size()) - 1);
    progress_.push_back({static_cast<int64_t>(prompt.ids.size())});
    settled_.push_back(0);
  }

  void compressDue() {
    std::vector<DueSequence> waiting;
    for (size_t s = 0; s < progress_.size(); ++s) {
      const int slot = static_cast<int>(s);
      if (!policy_.due(progress_[s])) continue;
      waiting.push_back({slot, decoder_.entries(slot), settled_[s], ringRows, progress_[s], policy_.keep(progress_[s])});
    }
    const CompressionPlan plan = planCompression(recipe_, waiting);
    if (plan.due.empty()) return;
    cache_.due = device_.input("due", plan.due);
    cache_.chunks = device_.input("chunks", plan.chunks);
    cache_.dues = static_cast<int>(plan.due.size());
    cache_.chunkCount = static_cast<int>(plan.chunks.size());
    CHECK(compress(device_.stream(), passesOn(plan)));
    for (const Due& due : plan.due) settle(due);
  }

  Passes passesOn(const CompressionPlan& plan) {
    Passes passes = passesOf(recipe_, cache_, plan);
    passes.votes.queries = decoder_.step().ring.rows;
    passes.votes.mostRows = ringRows;
    passes.votes.parts = device_.unwritten<float>("parts", passes.partsRoom());
    passes.votes.totals = device_.unwritten<float>("totals", passes.totalsRoom());
    passes.votes.votes = device_.unwritten<float>("votes", passes.votesRoom());
    passes.ranks.votes = passes.votes.votes;
    passes.ranks.ranks = device_.unwritten<double>("ranks", passes.ranksRoom());
    passes.choice.ranks = passes.ranks.ranks;
    passes.choice.kept = device_.unwritten<int>("kept", passes.keptRoom());
    passes.compaction.kept = passes.choice.kept;
    return passes;
  }

  void settle(const Due& due) {
    const size_t s = static_cast<size_t>(due.slot);
    for (int layer = 0; layer < cache_.layers; ++layer) {
      const auto count = static_cast<size_t>(due.staying());
      const auto held = device_.read(cache_.positions, cache_.noteAt(layer, due.slot, 0), count);
      outcome(due.slot).kept.push_back({progress_[s].written, layer, {held.begin(), held.end()}});
    }
    const int before = decoder_.freePages();
    decoder_.shorten(due.slot, due.staying());
    CHECK(decoder_.freePages() == before + pagesReturned(due));
    settled_[s] = due.staying();
    progress_[s].cycle += 1;
    progress_[s].lastTrigger = progress_[s].written;
  }

  TestDevice& device_;
  Decoder& decoder_;
  const Policy& policy_;
  Recipe recipe_;
  CacheCompression cache_{};
  std::vector<Progress> progress_;
  std::vector<int> settled_;
  std::vector<Outcome> outcomes_;
};

void generate(const char* family, const std::string& name, uint64_t seed) {
  const DrawnModel drawn(configOf(family, 2, 2), DType::bf16, seed, deviation);
  const auto model = loadModel(drawn.config, {drawn.path}, 1);
  const auto policy = makePolicy(optionsOf(name));
  const std::vector<Prompt> prompts = promptsOf(lengths, drawn.config.vocab, {});
  TestDevice device(shuffled(7));
  Decoder decoder(device, upload(device, *model, limits.positions), limits);
  const std::vector<Outcome> want = byEngine(drawn, prompts, optionsOf(name));
  const std::vector<Outcome> got = PolicyRun(device, decoder, *policy, prompts).run();
  for (size_t i = 0; i < want.size(); ++i) {
    const size_t same = comparable(got[i].generated, want[i].generated, bound);
    const std::string what = std::string("generate ") + family + ", " + name + ", sequence " + std::to_string(i);
    const bool differs = !sameTokens(got[i].generated, want[i].generated, same);
    noneWrong(differs, what + ", its first " + std::to_string(same) + " tokens");
    within(bound, difference(got[i].generated, want[i].generated, same), "deviations", what);
    CHECK_CASE(want[i].kept.size() == 4, what);  // two compressions of two layers
    int wrong = got[i].kept.size() != want[i].kept.size();
    for (size_t k = 0; wrong == 0 && k < want[i].kept.size(); ++k) {
      wrong += want[i].kept[k].generated <= static_cast<int64_t>(same) && got[i].kept[k] != want[i].kept[k];
    }
    noneWrong(wrong, what + ", kept positions");
  }
  CHECK_CASE(device.faults().none(), device.faults().text());
}

}  // namespace
}  // namespace pathpress::cuda

CUDA_TEST(generate) {
  using namespace pathpress::cuda;
  generate("llama", "rpc", 10);
  generate("qwen3", "rpc", 10);
  generate("qwen2", "recency", 10);
}
