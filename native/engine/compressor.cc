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
      scratch.rowPositions.push_back(static_cast<int32_t>(job.side.queries.position(i, rows_, job.progress.written)));
    }
  }

  std::vector<Ballot> ballots(bool keys) {
    const int sets = job_.recipe.sets == Aggregation::layer ? 1 : cache_.shape().kvHeads;
    std::vector<Ballot> all;
    for (int head = 0; head < sets; ++head) {
      prepareSet(head);
      const CandidateSet set = candidateSet(cache_.positions(layer_, head), head);
      if (std::ssize(set.positions) <= job_.keep.scored) return {};
      scoreCandidates(job_.recipe, set, scratch_.select);
      Ballot& ballot = all.emplace_back(Ballot{layer_, sets == 1 ? -1 : head, job_.keep.scored, {}, {}, {}, {}, {}});
      ballot.positions = scratch_.positions;
      ballot.votes.assign(scratch_.select.ranks.begin(), scratch_.select.ranks.end());
      const int heads = cache_.shape().kvHeads / sets;
      for (int h = head * heads; keys && h < (head + 1) * heads; ++h) addKeys(h, ballot.keys);
    }
    return all;
  }

  Compression run() {
    const int kvHeads = cache_.shape().kvHeads;
    switch (job_.recipe.sets) {
      case Aggregation::layer: compressLayerSet(); break;
      case Aggregation::group:
        if (job_.recipe.sharedOut) compressSharedOut();
        for (int h = 0; h < kvHeads && !job_.recipe.sharedOut; ++h) compressGroupSet(h);
        break;
      case Aggregation::head:
        for (int h = 0; h < kvHeads; ++h) compressHeadSets(h);
        break;
    }
    return {job_.progress.written, before_ / sets_, after_ / sets_};
  }

 private:
  bool votes() const { return job_.recipe.scoring == Scoring::votes && !job_.scores; }

  // The entries of a layer's set or a key-value head's, and who votes on them.
  void prepareSet(int head) {
    const bool all = job_.recipe.sets == Aggregation::layer;
    allEntries(cache_.head(layer_, head).count);
    scratch_.voters.clear();
    const int end = all ? cache_.shape().kvHeads : head + 1;
    for (int h = head; h < end && votes(); ++h) addVoters(h, 0, group_);
  }

  void addKeys(int kvHead, std::vector<float>& keys) const {
    const size_t dim = static_cast<size_t>(dim_);
    for (const int32_t entry : scratch_.candidates) {
      keys.resize(keys.size() + dim);
      cache_.readKey(layer_, kvHead, entry, keys.data() + keys.size() - dim);
    }
  }

  // One set for all heads: the same entries stay everywhere.
  void compressLayerSet() {
    prepareSet(0);
    selectSet(cache_.positions(layer_, 0), 0);
    for (int h = 0; h < cache_.shape().kvHeads; ++h) cache_.compact(layer_, h, scratch_.stay);
    compactNotes(0);
    record(-1, cache_.positions(layer_, 0));
  }

  void compressGroupSet(int kvHead) {
    prepareSet(kvHead);
    selectSet(cache_.positions(layer_, kvHead), kvHead);
    settleGroupSet(kvHead);
  }

  // The heads' scores are compared with one another: each keeps as many entries as it wins.
  void compressSharedOut() {
    const int kvHeads = cache_.shape().kvHeads;
    std::vector<std::vector<double>> ranks;
    for (int h = 0; h < kvHeads; ++h) {
      prepareSet(h);
      scoreCandidates(job_.recipe, candidateSet(cache_.positions(layer_, h), h), scratch_.select);
      ranks.push_back(scratch_.select.ranks);
    }
    const int64_t scored = job_.keep.scored;
    const auto floor = static_cast<int64_t>(job_.recipe.floorShare * static_cast<double>(scored));
    const auto kept = shareOut(ranks, scored * kvHeads, floor);
    for (int h = 0; h < kvHeads; ++h) {
      allEntries(cache_.head(layer_, h).count);
      findCandidates();
      scratch_.kept = kept[static_cast<size_t>(h)];
      settleStay();
      settleGroupSet(h);
    }
  }

  void settleGroupSet(int kvHead) {
    cache_.compact(layer_, kvHead, scratch_.stay);
    compactNotes(kvHead);
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
    compactNotes(kvHead);
  }

  void allEntries(int count) {
    entries_.resize(static_cast<size_t>(count));
    for (int e = 0; e < count; ++e) entries_[static_cast<size_t>(e)] = e;
  }

  // The set's entries that may leave: all but the first pinned and the last recent.
  void findCandidates() {
    const auto count = static_cast<int64_t>(entries_.size());
    const int64_t first = pinned(), end = std::max(first, count - job_.keep.recent);
    scratch_.candidates.assign(entries_.begin() + first, entries_.begin() + end);
  }

  // The entries whose keys are voted on.
  const std::vector<int32_t>& domain() const {
    return job_.recipe.softmax == Domain::candidates ? scratch_.candidates : entries_;
  }

  // Those keys of a key-value head, and the query rows of its heads [begin, end) of the group.
  void addVoters(int kvHead, int begin, int end) {
    findCandidates();
    const KeyPages keys =
        votedKeys(cache_, layer_, kvHead, domain(), arithmetic(), scratch_.keys[static_cast<size_t>(kvHead)]);
    for (int q = begin; q < end; ++q) {
      const int head = kvHead * group_ + q;
      std::vector<float>& queries = scratch_.queries[static_cast<size_t>(head)];
      queries.resize(static_cast<size_t>(rows_ * dim_));
      job_.side.queries.gather(layer_, head, dim_, rows_, job_.progress.written, queries.data());
      roundAll(queries);
      scratch_.voters.push_back({queries.data(), keys});
    }
  }

  DType arithmetic() const { return job_.recipe.modelArithmetic ? job_.type : DType::f32; }
  void roundAll(std::vector<float>& values) const {
    if (arithmetic() == DType::f32) return;
    for (float& value : values) value = roundTo(value, arithmetic());
  }

  CandidateSet candidateSet(const std::vector<int32_t>& positions, int head) {
    findCandidates();
    const auto gather = [this](auto& to, const auto& from, const std::vector<int32_t>& entries) {
      to.clear();
      for (const int32_t entry : entries) to.push_back(from[static_cast<size_t>(entry)]);
    };
    gather(scratch_.positions, positions, scratch_.candidates);
    CandidateSet set;
    set.voters = scratch_.voters;
    set.rows = rows_;
    set.dim = dim_;
    set.positions = scratch_.positions;
    set.rowPositions = scratch_.rowPositions;
    set.key = {job_.seed, {job_.stream[0], job_.stream[1]}, layer_, head, job_.progress.cycle};
    set.arithmetic = arithmetic();
    set.now = job_.progress.prompt + job_.progress.written - 1;
    if (job_.recipe.softmax != Domain::candidates) {
      gather(scratch_.keyPositions, positions, entries_);
      set.keyPositions = scratch_.keyPositions;
      set.firstKey = pinned();
    }
    if (job_.side.record.kept()) {
      const RecordView all = job_.side.record.view(layer_, head);
      if (!all.mass.empty()) gather(scratch_.mass, all.mass, scratch_.candidates);
      if (!all.stamps.empty()) gather(scratch_.stamps, all.stamps, scratch_.candidates);
      if (!all.gaps.empty()) gather(scratch_.gaps, all.gaps, scratch_.candidates);
      set.record = {scratch_.mass, scratch_.stamps, scratch_.gaps};
    }
    if (job_.scores) {
      const int sets = job_.recipe.sets == Aggregation::layer ? 1 : cache_.shape().kvHeads;
      set.given = (*job_.scores)[static_cast<size_t>(layer_ * sets + head)];
    }
    if (job_.recipe.rangeShare > 0) set.ranges = valueRanges(head);
    return set;
  }

  // Largest less smallest channel of the candidates' values; of one set a layer, the mean over its key-value heads.
  std::span<const float> valueRanges(int head) {
    const bool all = job_.recipe.sets == Aggregation::layer;
    const int first = all ? 0 : head, end = all ? cache_.shape().kvHeads : head + 1;
    scratch_.value.resize(static_cast<size_t>(dim_));
    scratch_.ranges.assign(scratch_.candidates.size(), 0.0f);
    for (int h = first; h < end; ++h) {
      for (size_t i = 0; i < scratch_.candidates.size(); ++i) {
        cache_.readValue(layer_, h, scratch_.candidates[i], scratch_.value.data());
        const auto [least, largest] = std::ranges::minmax(scratch_.value);
        scratch_.ranges[i] += (largest - least) / static_cast<float>(end - first);
      }
    }
    return scratch_.ranges;
  }

  int64_t pinned() const { return std::min(job_.keep.pinned, static_cast<int64_t>(entries_.size())); }

  // Leaves in scratch_.stay the entries of the set that stay, ascending.
  void selectSet(const std::vector<int32_t>& positions, int head) {
    select(job_.recipe, candidateSet(positions, head), job_.keep.scored, scratch_.select, scratch_.kept);
    settleStay();
  }

  // The same from the candidates that were kept.
  void settleStay() {
    const auto first = static_cast<size_t>(pinned());
    scratch_.stay.assign(entries_.begin(), entries_.begin() + static_cast<int64_t>(first));
    for (const int32_t kept : scratch_.kept) scratch_.stay.push_back(scratch_.candidates[static_cast<size_t>(kept)]);
    const size_t recent = first + scratch_.candidates.size();
    scratch_.stay.insert(scratch_.stay.end(), entries_.begin() + static_cast<int64_t>(recent), entries_.end());
    before_ += static_cast<int64_t>(entries_.size());
    after_ += static_cast<int64_t>(scratch_.stay.size());
    ++sets_;
  }

  // What is noted of the entries beside keys and values.
  void compactNotes(int set) {
    std::vector<int32_t>& positions = cache_.positions(layer_, set);
    for (size_t i = 0; i < scratch_.stay.size(); ++i) positions[i] = positions[static_cast<size_t>(scratch_.stay[i])];
    positions.resize(scratch_.stay.size());
    if (job_.side.record.kept()) job_.side.record.compact(layer_, set, scratch_.stay);
  }

  void record(int head, const std::vector<int32_t>& positions) {
    if (!trace_) return;
    KeptPositions& kept = trace_->emplace_back(KeptPositions{job_.progress.written, layer_, head, positions, {}});
    if (!job_.side.record.kept()) return;
    const std::span<const float> mass = job_.side.record.view(layer_, std::max(head, 0)).mass;
    kept.mass.assign(mass.begin(), mass.end());
  }

  const CompressJob& job_;
  SequenceCache& cache_;
  int layer_;
  CompressScratch& scratch_;
  std::vector<KeptPositions>* trace_;
  int dim_, group_;
  int64_t rows_;
  std::vector<int32_t> entries_;  // of the set at hand, as indices into the key-value head's entries
  int64_t before_ = 0, after_ = 0, sets_ = 0;  // summed over the sets done
};

}  // namespace

CacheTracking trackingFor(const Recipe& recipe, bool evicts) {
  return {evicts, evicts && recipe.sets != Aggregation::layer, evicts && recipe.sets == Aggregation::head};
}

std::vector<Ballot> ballots(const CompressJob& job, int layer, bool keys, CompressScratch& scratch) {
  return LayerCompression(job, layer, scratch, nullptr).ballots(keys);
}

Compression compressLayer(const CompressJob& job, int layer, CompressScratch& scratch, std::vector<KeptPositions>* trace) {
  return LayerCompression(job, layer, scratch, trace).run();
}

}  // namespace pathpress
