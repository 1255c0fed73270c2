// Attention alone, and whole decode steps, by batch and entries.
#include "report.h"
#include "world.h"

namespace pathpress::cuda::bench {

namespace {

struct Sizes {
  int batch, entries;
};

std::vector<Sizes> attentionSizes(bool tiny) {
  if (tiny) return {{1, 40}, {3, 70}};
  return {{1, 4096}, {1, 32768}, {16, 1024}, {16, 4096}, {16, 16384}, {16, 32768}, {64, 4096}, {64, 8192}};
}

std::vector<Sizes> stepSizes(bool tiny) {
  if (tiny) return {{1, 40}, {3, 70}};
  std::vector<Sizes> sizes{{1, 128}, {1, 4096}, {1, 16384}, {1, 32768}, {64, 1024}, {64, 4096}, {64, 8192}};
  for (const int entries : {128, 4096, 8192, 16384, 32768}) sizes.push_back({8, entries});
  for (const int entries : {128, 4096, 8192, 16384}) sizes.push_back({32, entries});
  for (int i = 0; i < 16; ++i) sizes.push_back({16, 128 + i * 2048});  // a long output's, to be integrated
  sizes.push_back({16, 32768});
  return sizes;
}

}  // namespace

void measureAttention(const Bench& bench) {
  const ModelShape& shape = bench.model.shape;
  World world(bench, bench.tiny ? 3 : 64, bench.tiny ? 96 : 33000, bench.tiny ? 300 : 16 * 33100);
  const DecodeStep& step = world.decoder().step();
  for (const Sizes& sizes : attentionSizes(bench.tiny)) {
    world.fill(sizes.batch, sizes.entries - 1, 8);
    world.step(sizes.batch);  // leaves the rows' queries, slots and lengths
    const StepRows rows{step.slots, step.work.positions, step.work.lengths, step.rows};
    const auto all = [&] {
      for (int layer = 0; layer < shape.layers; ++layer) {
        DecodeAttention task{};
        task.query = step.work.query;
        task.pages = step.pages + layer * step.poolPages * shape.pageElements();
        task.sums = step.work.sums;
        task.tops = step.work.tops;
        task.totals = step.work.totals;
        task.out = step.work.mixed;
        task.table = step.table;
        task.rows = rows;
        task.kvHeads = shape.kvHeads;
        task.group = shape.heads / shape.kvHeads;
        task.dim = shape.dim;
        task.scale = 0.1f;
        task.reach = step.reach;
        attend(bench.device.stream(), task);
      }
    };
    const double seconds = medianSeconds(bench.watch, bench.tiny ? 1 : 5, all) / shape.layers;
    Line("attention").number("batch", sizes.batch).number("entries", sizes.entries).number("seconds", seconds)
        .number("bytes", entryBytes(shape) / shape.layers * sizes.batch * sizes.entries);
  }
}

void measureSteps(const Bench& bench) {
  const ModelShape& shape = bench.model.shape;
  const int runs = bench.tiny ? 2 : 64;
  World world(bench, bench.tiny ? 3 : 64, bench.tiny ? 96 : 33000, bench.tiny ? 300 : 16 * 33100);
  Line("memory").number("modelBytes", modelBytes(bench.named)).number("cacheBytes", world.cacheBytes())
      .number("usedBytes", static_cast<double>(bench.freeBefore - freeBytes()));
  for (const Sizes& sizes : stepSizes(bench.tiny)) {
    world.fill(sizes.batch, sizes.entries, runs + 2);
    world.step(sizes.batch);
    world.step(sizes.batch);
    const double before = world.hostSeconds();
    const double seconds = bench.watch.seconds([&] {
      for (int run = 0; run < runs; ++run) world.step(sizes.batch);
    }) / runs;
    const double entries = sizes.entries + 2 + runs / 2.0;
    Line("step").number("batch", sizes.batch).number("entries", entries).number("seconds", seconds)
        .number("hostSeconds", (world.hostSeconds() - before) / runs)
        .number("bytes", weightBytes(shape) + sizes.batch * entryBytes(shape) * entries);
  }
}

}  // namespace pathpress::cuda::bench
