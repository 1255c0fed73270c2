// A sequence without a model: keys, queries and values of every position, the entries each set holds, and the engine's
// side of a compression (native/policies/policy.h), layer 0.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <numeric>
#include <optional>
#include <vector>

#include "../engine/attention_record.h"
#include "../policies/own_keys.h"
#include "../policies/select.h"

struct World {
  int64_t heads, kvHeads, dim, prompt;
  std::vector<float> keys, queries, values;  // (positions, kvHeads or heads, dim)
  std::vector<std::vector<int32_t>> held;  // positions, one list a set
  pathpress::Progress progress;
  pathpress::DType type = pathpress::DType::f32;  // the model's own
  std::optional<pathpress::AttentionRecord> record;  // where the policy keeps one

  // element(tensor, head, position, channel), tensor 0 = keys, 1 = queries, 2 = values
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
    for (int64_t p = 0; p < positions; ++p)
      for (int64_t h = 0; h < kvHeads; ++h)
        for (int64_t j = 0; j < dim; ++j) values.push_back(element(2, h, p, j));
  }

  void open(pathpress::Aggregation sets) {
    std::vector<int32_t> start(prompt);
    std::iota(start.begin(), start.end(), 0);
    using enum pathpress::Aggregation;
    held.assign(sets == layer ? 1 : sets == group ? kvHeads : heads, start);
  }

  // The prompt written, with what a policy has noted of it.
  void prefill(const pathpress::Policy& policy) {
    open(policy.recipe().sets);
    record.emplace(policy.recipe(), 1, static_cast<int>(kvHeads));
    if (!record->kept()) return record.reset();
    for (auto& positions : held) positions.clear();
    for (int32_t p = 0; p < prompt; ++p) append(p);
  }

  void write() {
    append(static_cast<int32_t>(prompt + progress.written));
    ++progress.written;
  }

  void append(int32_t position) {
    for (size_t s = 0; s < held.size(); ++s) {
      held[s].push_back(position);
      if (record) record->observe(0, static_cast<int>(s), position, attention(s, position));
    }
  }

  // Query heads of a set: [first, first + count).
  std::pair<int64_t, int64_t> headsOf(size_t set) const {
    const auto sets = std::ssize(held);
    const int64_t count = heads / sets;
    return {static_cast<int64_t>(set) * count, count};
  }

  // Mean over the set's query heads of the softmax over the entries held.
  std::vector<float> attention(size_t set, int64_t position) const {
    const auto [first, count] = headsOf(set);
    std::vector<float> mean(held[set].size(), 0.0f), row(held[set].size());
    for (int64_t h = first; h < first + count; ++h) {
      float total = 0;
      for (size_t i = 0; i < row.size(); ++i) {
        const float* k = key(h / (heads / kvHeads), held[set][i]);
        const float logit = std::inner_product(k, k + dim, query(h, position), 0.0f);
        total += row[i] = std::exp(logit / std::sqrt(static_cast<float>(dim)));
      }
      for (size_t i = 0; i < row.size(); ++i) mean[i] += row[i] / total / static_cast<float>(count);
    }
    return mean;
  }

  const float* key(int64_t kv, int64_t position) const { return &keys[(position * kvHeads + kv) * dim]; }
  const float* value(int64_t kv, int64_t position) const { return &values[(position * kvHeads + kv) * dim]; }
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
    SelectScratch scratch;
    std::vector<std::vector<int32_t>> kept(held.size());
    std::vector<std::vector<double>> ranks;
    for (size_t s = 0; s < held.size(); ++s) {
      draw.head = held.size() == 1 ? 0 : static_cast<int32_t>(s);
      draw.cycle = progress.cycle;
      const Gathered from(*this, recipe, keep, s);
      if (recipe.sharedOut) {
        scoreCandidates(recipe, from.set(*this, recipe, keep, draw), scratch);
        ranks.push_back(scratch.ranks);
      } else {
        select(recipe, from.set(*this, recipe, keep, draw), keep.scored, scratch, kept[s]);
      }
    }
    const auto floor = static_cast<int64_t>(recipe.floorShare * static_cast<double>(keep.scored));
    if (recipe.sharedOut) kept = shareOut(ranks, keep.scored * kvHeads, floor);
    std::vector<std::vector<int32_t>> after;
    for (size_t s = 0; s < held.size(); ++s) {
      auto& positions = after.emplace_back(held[s].begin(), held[s].begin() + keep.pinned);
      for (int32_t i : kept[s]) positions.push_back(held[s][keep.pinned + i]);
      positions.insert(positions.end(), held[s].end() - keep.recent, held[s].end());
    }
    return after;
  }

  // What the engine gathers for a set.
  struct Gathered {
    std::vector<int32_t> candidates, domain, rows, stamps, gaps;
    std::vector<std::vector<float>> queries;
    std::vector<pathpress::OwnKeys> keys;
    std::vector<pathpress::Voter> voters;
    std::vector<float> ranges, mass;

    Gathered(const World& w, const pathpress::Recipe& recipe, const pathpress::Keep& keep, size_t s)
        : candidates(w.held[s].begin() + keep.pinned, w.held[s].end() - keep.recent),
          domain(recipe.softmax == pathpress::Domain::candidates ? candidates : w.held[s]),
          rows(w.voterPositions(recipe)) {
      const auto [first, count] = w.headsOf(s);
      const int64_t group = w.heads / w.kvHeads;
      keys.resize(w.kvHeads);
      for (int64_t h = first; h < first + count && recipe.scoring == pathpress::Scoring::votes; ++h) {
        auto& q = queries.emplace_back();
        for (int32_t p : rows) q.insert(q.end(), w.query(h, p), w.query(h, p) + w.dim);
        if (h != first && h % group != 0) continue;
        auto& k = keys[h / group];
        k.reset(domain.size(), static_cast<int>(w.dim));
        for (size_t i = 0; i < domain.size(); ++i) k.set(i, w.key(h / group, domain[i]));
      }
      for (size_t i = 0; i < queries.size(); ++i) voters.push_back({queries[i].data(), keys[(first + i) / group].pages()});
      for (int32_t p : candidates) {
        double range = 0;
        for (int64_t h = first / group; h < (first + count + group - 1) / group; ++h) {
          const auto [least, largest] = std::minmax_element(w.value(h, p), w.value(h, p) + w.dim);
          range += *largest - *least;
        }
        ranges.push_back(static_cast<float>(range));
      }
      if (!w.record) return;
      const pathpress::RecordView all = w.record->view(0, static_cast<int>(s));
      for (size_t i = keep.pinned; i < keep.pinned + candidates.size(); ++i) {
        if (!all.mass.empty()) mass.push_back(all.mass[i]);
        if (!all.stamps.empty()) stamps.push_back(all.stamps[i]);
        if (!all.gaps.empty()) gaps.push_back(all.gaps[i]);
      }
    }

    pathpress::CandidateSet set(const World& w, const pathpress::Recipe& recipe, const pathpress::Keep& keep,
                                const pathpress::DrawKey& draw) const {
      pathpress::CandidateSet set;
      set.voters = voters;
      set.rows = std::ssize(rows);
      set.dim = w.dim;
      set.positions = candidates;
      set.rowPositions = rows;
      set.key = draw;
      if (recipe.modelArithmetic) set.arithmetic = w.type;
      if (recipe.softmax != pathpress::Domain::candidates) {
        set.keyPositions = domain;
        set.firstKey = keep.pinned;
      }
      set.ranges = ranges;
      set.record = {mass, stamps, gaps};
      set.now = w.prompt + w.progress.written - 1;
      return set;
    }
  };

  void settle(std::vector<std::vector<int32_t>> positions) {
    for (size_t s = 0; s < held.size() && record; ++s) {
      std::vector<int32_t> kept;
      for (const int32_t p : positions[s])
        kept.push_back(static_cast<int32_t>(std::ranges::lower_bound(held[s], p) - held[s].begin()));
      record->compact(0, static_cast<int>(s), kept);
    }
    held = std::move(positions);
    ++progress.cycle;
    progress.lastTrigger = progress.written;
  }
};
