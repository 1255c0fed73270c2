#include "attention.h"

#include <algorithm>
#include <cmath>

namespace pathpress {
namespace {

constexpr size_t smallWork = 1 << 15;  // multiplications below which waking a thread costs more than it brings

template <class T>
size_t size(T value) { return static_cast<size_t>(value); }

// Entries that a row sees of a head, rounded up to whole pages; a policy that records attention keeps heads even.
size_t paddedEntries(const Row& row, int layer) {
  const size_t entries = size(row.cache->head(layer, 0).count + row.offset + 1);
  return (entries + pageEntries - 1) / pageEntries * pageEntries;
}

}  // namespace

Attention::Attention(const Model& model, const Kernels& kernels, ThreadPool& threads)
    : model_(model), kernels_(kernels), threads_(threads), scratch_(size(threads.threads())) {}

void Attention::prepare(std::span<const Row> rows) {
  const size_t half = model_.inverseFrequencies.size();
  size_t places = 0;
  for (const Row& row : rows) {
    if (row.side && row.side->rotatedAtReading) places = std::max(places, size(row.position) + pageEntries);
  }
  for (size_t place = half ? placeCosine_.size() / half : places; place < places; ++place) {
    for (const float frequency : model_.inverseFrequencies) {
      placeCosine_.push_back(std::cos(static_cast<float>(place) * frequency));
      placeSine_.push_back(std::sin(static_cast<float>(place) * frequency));
    }
  }
}

void Attention::run(std::span<const Row> rows, int layer, const float* query, float* mixed) {
  attend(rows, layer, query, mixed);
  observe(rows, layer);
}

void Attention::attend(std::span<const Row> rows, int layer, const float* query, float* mixed) {
  const ModelConfig& config = model_.config;
  const size_t dim = size(config.headDim), queryWidth = size(config.queryWidth());
  size_t work = 0, observed = 0;
  observedAt_.resize(rows.size());
  for (size_t r = 0; r < rows.size(); ++r) {
    const Row& row = rows[r];
    work += size(row.cache->head(layer, 0).count) * queryWidth;
    observedAt_[r] = observed;
    if (row.side && row.side->record.kept()) observed += size(config.kvHeads) * paddedEntries(row, layer);
  }
  if (observed_.size() < observed) observed_.resize(observed);
  threads_.run(static_cast<int>(rows.size()) * config.kvHeads, work < smallWork, [&](int task, int worker) {
    const size_t r = size(task / config.kvHeads);
    const int kvHead = task % config.kvHeads;
    const Row& row = rows[r];
    const bool recorded = row.side && row.side->record.kept();
    float* weights = recorded ? observed_.data() + observedAt_[r] + size(kvHead) * paddedEntries(row, layer) : nullptr;
    const size_t at = r * queryWidth + size(kvHead) * size(config.group()) * dim;
    attendHead(row, layer, kvHead, query + at, mixed + at, weights, worker);
  });
}

// The query heads of one key-value head, (group, dim).
void Attention::attendHead(const Row& row, int layer, int kvHead, const float* query, float* mixed, float* weights,
                           int worker) {
  const int dim = model_.config.headDim, group = model_.config.group();
  const HeadCache& cache = row.cache->head(layer, kvHead);
  const PageLayout& page = row.cache->shape().page;
  Scratch& scratch = scratch_[size(worker)];
  AttentionTask task{cache.blocks.data(), cache.count + row.offset + 1, dim, group, page.type,
                     1.0f / std::sqrt(static_cast<float>(dim)), query,
                     row.cache->tracking().masks ? cache.masks.data() : nullptr, nullptr, mixed, weights};
  if (row.side && row.side->bounds.choose(layer, row.position)) {
    const auto chosen =
        row.side->bounds.pages(*row.cache, layer, kvHead, task.entries, task.query, group, scratch.choice);
    scratch.pages.clear();
    for (const int index : chosen) scratch.pages.push_back(cache.blocks[size(index)]);
    task.entries -= (chosen.back() + 1 - static_cast<int>(chosen.size())) * pageEntries;
    task.pages = scratch.pages.data();
  }
  if (row.side && row.side->rotatedAtReading) {
    const size_t floats = 2 * size(pageEntries) * size(dim), half = model_.inverseFrequencies.size();
    const size_t pages = size((task.entries + pageEntries - 1) / pageEntries);
    if (scratch.rotated.size() < pages * floats) scratch.rotated.resize(pages * floats);
    scratch.pages.clear();
    for (size_t i = 0; i < pages; ++i) {
      const size_t first = i * pageEntries * half;
      float* to = scratch.rotated.data() + i * floats;
      page.copyRotated(cache.blocks[i], model_.rotary, placeCosine_.data() + first, placeSine_.data() + first, to);
      scratch.pages.push_back(static_cast<const std::byte*>(static_cast<const void*>(to)));
    }
    task.pages = scratch.pages.data();
    task.type = DType::f32;
  }
  const size_t needed = size(group) * (size(task.entries) + pageEntries);
  if (scratch.scores.size() < needed) scratch.scores.resize(2 * needed);
  task.scores = scratch.scores.data();
  kernels_.attend(task);
}

// Notes the rows' attention where a policy asks for it: the rows of a sequence one after the other, whoever is beside it.
void Attention::observe(std::span<const Row> rows, int layer) {
  std::vector<std::pair<size_t, int>> tasks;  // the first row of a sequence, and a set
  for (size_t r = 0; r < rows.size(); ++r) {
    if (!rows[r].side || !rows[r].side->record.kept() || rows[r].offset > 0) continue;
    for (int set = 0; set < rows[r].side->record.sets(); ++set) tasks.push_back({r, set});
  }
  threads_.run(static_cast<int>(tasks.size()), false, [&](int index, int worker) {
    const auto [first, set] = tasks[size(index)];
    AttentionRecord& record = rows[first].side->record;
    const int kvHeads = model_.config.kvHeads;
    for (size_t r = first; r < rows.size() && rows[r].side == rows[first].side; ++r) {
      const size_t stride = paddedEntries(rows[r], layer);
      const auto entries = size(rows[r].cache->head(layer, 0).count + rows[r].offset + 1);
      const float* weights = observed_.data() + observedAt_[r];
      if (record.sets() > 1) {
        record.observe(layer, set, rows[r].position, {weights + size(set) * stride, entries});
        continue;
      }
      std::vector<float>& mean = scratch_[size(worker)].scores;
      mean.assign(entries, 0.0f);
      for (int head = 0; head < kvHeads; ++head) {
        for (size_t e = 0; e < entries; ++e) mean[e] += weights[size(head) * stride + e] / static_cast<float>(kvHeads);
      }
      record.observe(layer, set, rows[r].position, mean);
    }
  });
}

}  // namespace pathpress
