// A sequence without a model: keys and queries of every position, the entries each set holds, and the engine's side of
// a compression (native/policies/policy.h), layer 0.
#pragma once

#include <cstdint>
#include <functional>
#include <numeric>
#include <vector>

#include "../policies/select.h"

struct World {
  int64_t heads, kvHeads, dim, prompt;
  std::vector<float> keys, queries;  // (positions, kvHeads or heads, dim)
  std::vector<std::vector<int32_t>> held;  // positions, one list a set
  pathpress::Progress progress;
  pathpress::DType type = pathpress::DType::f32;  // the model's own

  // element(tensor, head, position, channel), tensor 0 = keys, 1 = queries
  using Element = std::function<float(int, int64_t, int64_t, int64_t)>;

  World(int64_t heads, int64_t kvHeads, int64_t dim, int64_t prompt, int64_t positions, const Element& element)
      : heads(heads), kvHeads(kvHeads), dim(dim), prompt(prompt) {
    progress.prompt = prompt;
    for (int64_t p = 0; p < positions; ++p) {
      for (int64_t h = 0; h < kvHeads; ++h)
        for (int64_t j = 0; j < dim; ++j) keys.push_back(element(0, h, p, j));
      for (int64_t h = 0; h < heads; ++h)
        for (int64_t j = 0; j < dim; ++j) queries.push_back(element(1, h, p, j));
    }
  }

  void open(pathpress::Aggregation sets) {
    std::vector<int32_t> start(prompt);
    std::iota(start.begin(), start.end(), 0);
    using enum pathpress::Aggregation;
    held.assign(sets == layer ? 1 : sets == group ? kvHeads : heads, start);
  }

  void write() {
    for (auto& positions : held) positions.push_back(static_cast<int32_t>(prompt + progress.written));
    ++progress.written;
  }

  const float* key(int64_t kv, int64_t position) const { return &keys[(position * kvHeads + kv) * dim]; }
  const float* query(int64_t head, int64_t position) const { return &queries[(position * heads + head) * dim]; }

  // Positions of the rows that the engine hands over, oldest first.
  std::vector<int32_t> voterPositions(const pathpress::Recipe& recipe) const {
    const int64_t rows = voterRows(recipe, progress);
    const int64_t end = recipe.selectors == pathpress::Selectors::prompt ? prompt : prompt + progress.written;
    std::vector<int32_t> positions(rows);
    std::iota(positions.begin(), positions.end(), static_cast<int32_t>(end - rows));
    return positions;
  }

  // What each set would hold after a compression now.
  std::vector<std::vector<int32_t>> compressed(const pathpress::Policy& policy, pathpress::DrawKey draw = {}) const {
    using namespace pathpress;
    const Recipe recipe = policy.recipe();
    const Keep keep = policy.keep(progress);
    const auto rows = voterPositions(recipe);
    const int64_t group = heads / kvHeads;
    std::vector<std::vector<int32_t>> after;
    SelectScratch scratch;
    for (int64_t s = 0; s < std::ssize(held); ++s) {
      const std::vector<int32_t> candidates(held[s].begin() + keep.pinned, held[s].end() - keep.recent);
      const int64_t first = recipe.sets == Aggregation::layer ? 0 : recipe.sets == Aggregation::group ? s * group : s;
      const int64_t count = recipe.sets == Aggregation::layer ? heads : recipe.sets == Aggregation::group ? group : 1;
      std::vector<std::vector<float>> gathered;
      std::vector<Voter> voters;
      for (int64_t h = first; h < first + count && recipe.scoring == Scoring::votes; ++h) {
        auto& q = gathered.emplace_back();
        for (int32_t p : rows) q.insert(q.end(), query(h, p), query(h, p) + dim);
        auto& k = gathered.emplace_back();
        for (int32_t p : candidates) k.insert(k.end(), key(h / group, p), key(h / group, p) + dim);
      }
      for (size_t i = 0; i < gathered.size(); i += 2) voters.push_back({gathered[i].data(), gathered[i + 1].data()});
      draw.head = recipe.sets == Aggregation::layer ? 0 : static_cast<int32_t>(s);
      draw.cycle = progress.cycle;
      std::vector<int32_t> kept;
      select(recipe, {voters, std::ssize(rows), dim, candidates, rows, draw, recipe.modelArithmetic ? type : DType::f32}, keep.scored, scratch, kept);
      auto& positions = after.emplace_back(held[s].begin(), held[s].begin() + keep.pinned);
      for (int32_t i : kept) positions.push_back(candidates[i]);
      positions.insert(positions.end(), held[s].end() - keep.recent, held[s].end());
    }
    return after;
  }

  void settle(std::vector<std::vector<int32_t>> positions) {
    held = std::move(positions);
    ++progress.cycle;
    progress.lastTrigger = progress.written;
  }
};
