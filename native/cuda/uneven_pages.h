// Pages of one sequence whose key-value heads hold entries of their own number: whole pages of the pool, cut into pages of
// single heads that any head of the layer may have.
#pragma once

#include <algorithm>
#include <vector>

#include "share.h"

namespace pathpress::cuda {

class UnevenPages {
 public:
  UnevenPages() = default;
  // From pages of the pool in which each head has its own.
  UnevenPages(const std::vector<int>& pages, int layers, int kvHeads)
      : kvHeads_(kvHeads), spare_(static_cast<size_t>(layers)), heads_(static_cast<size_t>(layers * kvHeads)) {
    for (size_t i = 0; i < heads_.size(); ++i) {
      for (const int page : pages) heads_[i].push_back(page * kvHeads + static_cast<int>(i) % kvHeads);
    }
  }

  // Each head holds `counts` (layers, kvHeads) entries at the front of its pages; those behind are spare.
  void leave(std::vector<int> counts) {
    counts_ = std::move(counts);
    for (size_t i = 0; i < heads_.size(); ++i) {
      const auto end = heads_[i].begin() + pagesOf(counts_[i]);
      std::vector<int>& spare = spare_[i / static_cast<size_t>(kvHeads_)];
      spare.insert(spare.end(), end, heads_[i].end());
      heads_[i].erase(end, heads_[i].end());
    }
  }

  // Pages of the pool without which all heads' would still have room.
  int wholePages() const {
    size_t most = 0;
    for (size_t layer = 0; layer < spare_.size(); ++layer) {
      size_t own = 0;
      for (int h = 0; h < kvHeads_; ++h) own += heads_[layer * static_cast<size_t>(kvHeads_) + static_cast<size_t>(h)].size();
      most = std::max(most, own);
    }
    return (static_cast<int>(most) + kvHeads_ - 1) / kvHeads_;
  }

  // Moves what lies in other pages of the pool than `kept`, of which there are wholePages(), to where they have room.
  std::vector<PageMove> gather(const std::vector<int>& kept) {
    std::vector<bool> among;
    for (const int page : kept) {
      if (among.size() <= static_cast<size_t>(page)) among.resize(static_cast<size_t>(page) + 1);
      among[static_cast<size_t>(page)] = true;
    }
    const auto stays = [&](int own) {
      const auto page = static_cast<size_t>(own / kvHeads_);
      return page < among.size() && among[page];
    };
    std::vector<PageMove> moves;
    for (std::vector<int>& spare : spare_) {
      spare.erase(std::remove_if(spare.begin(), spare.end(), [&](int own) { return !stays(own); }), spare.end());
    }
    for (size_t i = 0; i < heads_.size(); ++i) {
      std::vector<int>& spare = spare_[i / static_cast<size_t>(kvHeads_)];
      for (size_t p = 0; p < heads_[i].size(); ++p) {
        int& own = heads_[i][p];
        if (stays(own)) continue;
        const int entries = std::min(cachePageEntries, counts_[i] - static_cast<int>(p) * cachePageEntries);
        moves.push_back({static_cast<int>(i) / kvHeads_, own, spare.back(), entries});
        own = spare.back();
        spare.pop_back();
      }
    }
    return moves;
  }

  // Pages of the pool that it needs beside those that it has, where the longest head has so many entries.
  int missing(int longest) const {
    int most = 0;
    for (size_t layer = 0; layer < spare_.size(); ++layer) {
      int wanted = -static_cast<int>(spare_[layer].size());
      for (int h = 0; h < kvHeads_; ++h) wanted += lacks(layer * static_cast<size_t>(kvHeads_) + static_cast<size_t>(h), longest);
      most = std::max(most, (wanted + kvHeads_ - 1) / kvHeads_);
    }
    return most;
  }
  void add(int page) {
    for (std::vector<int>& spare : spare_) {
      for (int h = kvHeads_; h-- > 0;) spare.push_back(page * kvHeads_ + h);
    }
  }
  // What head i of all layers' gets so that it has room where the longest has so many entries.
  std::vector<int> take(size_t i, int longest) {
    std::vector<int>& spare = spare_[i / static_cast<size_t>(kvHeads_)];
    const int more = lacks(i, longest);
    const std::vector<int> taken(spare.rbegin(), spare.rbegin() + more);
    spare.resize(spare.size() - taken.size());
    heads_[i].insert(heads_[i].end(), taken.begin(), taken.end());
    return taken;
  }

  const std::vector<std::vector<int>>& heads() const { return heads_; }
  // Entries that each head has less than the longest, until it leaves others.
  std::vector<int> less() const {
    std::vector<int> all;
    for (const int count : counts_) all.push_back(longest() - count);
    return all;
  }
  int longest() const { return *std::max_element(counts_.begin(), counts_.end()); }

 private:
  int kvHeads_ = 1;
  std::vector<std::vector<int>> spare_;  // of each layer
  std::vector<std::vector<int>> heads_;  // (layers, kvHeads): pages in the order of the entries
  std::vector<int> counts_;              // (layers, kvHeads): entries that it last left

  int lacks(size_t i, int longestNow) const {
    const int count = counts_[i] + longestNow - longest();
    return std::max(0, pagesOf(count) - static_cast<int>(heads_[i].size()));
  }
};

}  // namespace pathpress::cuda
