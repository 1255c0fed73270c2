// What a step does beside products and attention: norms, the preparation of heads, and the draw of tokens.
#include <random>

#include "../norm.h"
#include "report.h"
#include "world.h"

namespace pathpress::cuda::bench {

namespace {

// As steep as a language model's logits are: random weights' are so flat that a filter leaves most of the vocabulary.
std::vector<float> likeText(size_t count) {
  std::mt19937 random(1);
  std::normal_distribution<float> normal(0, 4);
  std::vector<float> logits(count);
  for (float& logit : logits) logit = normal(random);
  return logits;
}

}  // namespace

void measureRest(const Bench& bench) {
  const ModelShape& shape = bench.model.shape;
  const int entries = bench.tiny ? 40 : 4096, most = bench.tiny ? 3 : 64;
  World world(bench, most, entries + 16, most * (entries + 16));
  const DecodeStep& step = world.decoder().step();
  const auto report = [&](const char* name, int rows, const std::function<void()>& launches) {
    const double seconds = medianSeconds(bench.watch, bench.tiny ? 1 : 5, launches) / shape.layers;
    Line("rest").text("name", name).number("rows", rows).number("seconds", seconds);
  };
  for (const int rows : bench.tiny ? std::vector<int>{1, 3} : std::vector<int>{1, 16, 64}) {
    world.fill(rows, entries, 8);
    world.step(rows);
    const StepRows own{step.slots, step.work.positions, step.work.lengths, step.rows};
    ResidualNorm norm{};
    norm.state = step.work.state;
    norm.weight = bench.model.finalNorm;
    norm.normed = step.work.normed;
    norm.hidden = shape.hidden;
    norm.epsilon = shape.epsilon;
    report("norm", rows, [&] {
      for (int layer = 0; layer < shape.layers; ++layer) addAndNormalize(bench.device.stream(), norm, step.rows);
    });
    HeadPreparation heads{};
    heads.qkv = step.work.qkv;
    heads.angles = bench.model.angles;
    heads.query = step.work.query;
    heads.table = step.table;
    heads.rows = own;
    heads.heads = shape.heads;
    heads.kvHeads = shape.kvHeads;
    heads.dim = shape.dim;
    heads.pairs = shape.pairs;
    report("heads", rows, [&] {
      for (int layer = 0; layer < shape.layers; ++layer) {
        heads.ring = step.ring;
        heads.ring.rows = step.ring.rows + int64_t{layer} * step.ringSlots * benchRing * shape.heads * shape.dim;
        heads.pages = step.pages + layer * step.poolPages * shape.pageElements();
        prepareHeads(bench.device.stream(), heads);
      }
    });
    Draw draw{};
    draw.logits = step.work.logits;
    draw.wanted = step.wanted;
    draw.options = step.options;
    draw.sequences = step.sequences;
    draw.rows = own;
    draw.vocab = shape.vocab;
    draw.stride = shape.logitsWidth();
    const auto draws = [&] {
      for (int layer = 0; layer < shape.layers; ++layer) drawTokens(bench.device.stream(), draw);
    };
    report("draw", rows, draws);
    const DrawOptions options{0.6, 0.95, 0, 1, {0, 0}, 0};
    draw.options = bench.device.input("options", std::vector<DrawOptions>(static_cast<size_t>(most), options));
    bench.device.write(step.work.logits, 0, likeText(static_cast<size_t>(rows) * static_cast<size_t>(draw.stride)));
    report("draw, temperature 0.6, top-p 0.95", rows, draws);
  }
}

}  // namespace pathpress::cuda::bench
