#include "compressor.h"

#include <algorithm>

namespace pathpress {
namespace {

// Compression of one layer, set after set.
class LayerCompression {
 public:
  LayerCompression(const CompressJob& job, int layer, CompressScratch& scratch, std::vector<KeptPositions>* trace)
      : job_(job), cache_(job.cache), layer_(layer), scratch_(scratch), trace_(trace),
        dim_(cache_.shape().page.dim), group_(job.heads / cache_.shape().kvHeads),
        rows_(voterRows(job.recipe, job.progress)) {
    scratch.keys.resize(static_cast<size_t>(cache_.shape().kvHeads));
    scratch.queries.resize(static_cast<size_t>(job.heads));
    scratch.rowPositions.clear();
    for (int64_t i = 0; i < rows_; ++i) {
      scratch.rowPositions.push_back(static_cast<int32_t>(job.queries.position(i, rows_, job.progress.written)));
    }
  }

  Compression run() {
    const int kvHeads = cache_.shape().kvHeads;
    switch (job_.recipe.sets) {
      case Aggregation::layer: compressLayerSet(); break;
      case Aggregation::group:
        for (int h = 0; h < kvHeads; ++h) compressGroupSet(h);
        break;
      case Aggregation::head:
        for (int h = 0; h < kvHeads; ++h) compressHeadSets(h);
        break;
    }
    return {job_.progress.written, before_, after_};
  }

 private:
  bool votes() const { return job_.recipe.scoring == Scoring::votes; }

  // One set for all heads: the same entries stay everywhere.
  void compressLayerSet() {
    const int kvHeads = cache_.shape().kvHeads;
    allEntries(cache_.head(layer_, 0).count);
    scratch_.voters.clear();
    for (int h = 0; h < kvHeads && votes(); ++h) addVoters(h, 0, group_);
    selectSet(cache_.positions(layer_, 0), 0);
    for (int h = 0; h < kvHeads; ++h) cache_.compact(layer_, h, scratch_.stay);
    compactPositions(0);
    record(-1, cache_.positions(layer_, 0));
  }

  void compressGroupSet(int kvHead) {
    allEntries(cache_.head(layer_, kvHead).count);
    scratch_.voters.clear();
    if (votes()) addVoters(kvHead, 0, group_);
    selectSet(cache_.positions(layer_, kvHead), kvHead);
    cache_.compact(layer_, kvHead, scratch_.stay);
    compactPositions(kvHead);
    record(kvHead, cache_.positions(layer_, kvHead));
  }

  // Each query head keeps its own set; an entry leaves when no head of the group sees it any more.
  void compressHeadSets(int kvHead) {
    HeadCache& head = cache_.head(layer_, kvHead);
    const std::vector<int32_t>& positions = cache_.positions(layer_, kvHead);
    scratch_.masks.assign(head.masks.size(), 0);
    for (int q = 0; q < group_; ++q) {
      entries_.clear();
      for (int e = 0; e < head.count; ++e) {
        if ((head.masks[static_cast<size_t>(e)] >> q) & 1u) entries_.push_back(e);
      }
      scratch_.voters.clear();
      if (votes()) addVoters(kvHead, q, q + 1);
      selectSet(positions, kvHead * group_ + q);
      for (const int32_t e : scratch_.stay) scratch_.masks[static_cast<size_t>(e)] |= 1u << q;
      if (trace_) {
        std::vector<int32_t> kept;
        for (const int32_t e : scratch_.stay) kept.push_back(positions[static_cast<size_t>(e)]);
        record(kvHead * group_ + q, kept);
      }
    }
    head.masks.swap(scratch_.masks);
    scratch_.stay.clear();
    for (int e = 0; e < head.count; ++e) {
      if (head.masks[static_cast<size_t>(e)] != 0) scratch_.stay.push_back(e);
    }
    cache_.compact(layer_, kvHead, scratch_.stay);
    compactPositions(kvHead);
  }

  void allEntries(int count) {
    entries_.resize(static_cast<size_t>(count));
    for (int e = 0; e < count; ++e) entries_[static_cast<size_t>(e)] = e;
  }

  // The set's entries that may leave: all but the first pinned and the last recent.
  void findCandidates() {
    const auto count = static_cast<int64_t>(entries_.size());
    const int64_t first = std::min(job_.keep.pinned, count);
    const int64_t end = std::max(first, count - job_.keep.recent);
    scratch_.candidates.assign(entries_.begin() + first, entries_.begin() + end);
  }

  // Gathers the candidates' keys of a key-value head once, and the query rows of its heads [begin, end) of the group.
  void addVoters(int kvHead, int begin, int end) {
    findCandidates();
    std::vector<float>& keys = scratch_.keys[static_cast<size_t>(kvHead)];
    keys.resize(scratch_.candidates.size() * static_cast<size_t>(dim_));
    float* to = keys.data();
    for (const int32_t entry : scratch_.candidates) {
      cache_.readKey(layer_, kvHead, entry, to);
      to += dim_;
    }
    roundAll(keys);
    for (int q = begin; q < end; ++q) {
      const int head = kvHead * group_ + q;
      std::vector<float>& queries = scratch_.queries[static_cast<size_t>(head)];
      queries.resize(static_cast<size_t>(rows_ * dim_));
      job_.queries.gather(layer_, head, dim_, rows_, job_.progress.written, queries.data());
      roundAll(queries);
      scratch_.voters.push_back({queries.data(), keys.data()});
    }
  }

  DType arithmetic() const { return job_.recipe.modelArithmetic ? job_.type : DType::f32; }
  void roundAll(std::vector<float>& values) const {
    if (arithmetic() == DType::f32) return;
    for (float& value : values) value = roundTo(value, arithmetic());
  }

  // Leaves in scratch_.stay the entries of the set that stay, ascending.
  void selectSet(const std::vector<int32_t>& positions, int head) {
    findCandidates();
    scratch_.positions.clear();
    for (const int32_t entry : scratch_.candidates) {
      scratch_.positions.push_back(positions[static_cast<size_t>(entry)]);
    }
    CandidateSet set;
    set.voters = scratch_.voters;
    set.rows = rows_;
    set.dim = dim_;
    set.positions = scratch_.positions;
    set.rowPositions = scratch_.rowPositions;
    set.key = {job_.seed, {job_.stream[0], job_.stream[1]}, layer_, head, job_.progress.cycle};
    set.arithmetic = arithmetic();
    select(job_.recipe, set, job_.keep.scored, scratch_.select, scratch_.kept);

    const size_t first = static_cast<size_t>(std::min<int64_t>(job_.keep.pinned, static_cast<int64_t>(entries_.size())));
    scratch_.stay.assign(entries_.begin(), entries_.begin() + static_cast<int64_t>(first));
    for (const int32_t kept : scratch_.kept) scratch_.stay.push_back(scratch_.candidates[static_cast<size_t>(kept)]);
    const size_t recent = first + scratch_.candidates.size();
    scratch_.stay.insert(scratch_.stay.end(), entries_.begin() + static_cast<int64_t>(recent), entries_.end());
    before_ = static_cast<int64_t>(entries_.size());
    after_ = static_cast<int64_t>(scratch_.stay.size());
  }

  void compactPositions(int kvHead) {
    std::vector<int32_t>& positions = cache_.positions(layer_, kvHead);
    for (size_t i = 0; i < scratch_.stay.size(); ++i) positions[i] = positions[static_cast<size_t>(scratch_.stay[i])];
    positions.resize(scratch_.stay.size());
  }

  void record(int head, const std::vector<int32_t>& positions) {
    if (trace_) trace_->push_back({job_.progress.written, layer_, head, positions});
  }

  const CompressJob& job_;
  SequenceCache& cache_;
  int layer_;
  CompressScratch& scratch_;
  std::vector<KeptPositions>* trace_;
  int dim_, group_;
  int64_t rows_;
  std::vector<int32_t> entries_;  // of the set at hand, as indices into the key-value head's entries
  int64_t before_ = 0, after_ = 0;
};

}  // namespace

CacheTracking trackingFor(const Recipe& recipe, bool evicts) {
  return {evicts, evicts && recipe.sets != Aggregation::layer, evicts && recipe.sets == Aggregation::head};
}

Compression compressLayer(const CompressJob& job, int layer, CompressScratch& scratch, std::vector<KeptPositions>* trace) {
  return LayerCompression(job, layer, scratch, trace).run();
}

}  // namespace pathpress
