#include "lane.h"

#include "cpu_holding.h"
#include "random.h"

namespace pathpress {

Lane::Lane(const Model& model, const Kernels& kernels, ProductInput products, ThreadPool* threads)
    : kernels_(kernels), threads_(threads ? *threads : own_.emplace(1)), forward(model, kernels, threads_, products),
      scratch_(static_cast<size_t>(threads_.threads())) {}

void Lane::run() {
  collectRows();
  forward.run(rows_);
  if (threads_.cancelled()) return;
  judgeKnown();
  sampleNext();
}

void Lane::collectRows() {
  rows_.clear();
  for (const Fed* fed : fed_) {
    Sequence& sequence = *fed->sequence;
    CpuHolding& held = cpuHolding(sequence);
    const int first = held.side.rotatedAtReading ? held.cache.head(0, 0).count : sequence.position(0);
    for (int i = 0; i < fed->rows; ++i) {
      rows_.push_back({sequence.upcoming(i), first + i, i, &held.cache, &held.side,
                       i >= fed->rows - (fed->sampled ? 1 : fed->judged)});
    }
  }
}

void Lane::judgeKnown() {
  size_t wanted = 0;
  judgements_.clear();
  for (const Fed* fed : fed_) {
    Sequence& sequence = *fed->sequence;
    for (size_t i = 0; i < static_cast<size_t>(fed->judged); ++i) {
      judgements_.push_back({&sequence, sequence.generated(sequence.step() + i), wanted + i, NAN, 0});
    }
    wanted += static_cast<size_t>(fed->sampled ? 1 : fed->judged);
  }
  threads_.run(static_cast<int>(judgements_.size()), judgements_.size() < 4, [&](int task, int) {
    Judgement& one = judgements_[static_cast<size_t>(task)];
    const auto logits = forward.logits(one.logits);
    if (!allFinite(logits)) return;
    one.logLikelihood = logLikelihood(logits, one.id);
    if (one.sequence->notesEntropy()) one.entropy = entropyBits(logits);
  });
  for (const Judgement& one : judgements_) one.sequence->judge(one.logLikelihood, one.entropy);
}

void Lane::sampleNext() {
  size_t wanted = 0;
  for (Fed* fed : fed_) {
    if (fed->sampled) fed->logits = forward.logits(wanted);
    wanted += static_cast<size_t>(fed->sampled ? 1 : fed->judged);
  }
  threads_.run(static_cast<int>(fed_.size()), fed_.size() < 4, [&](int task, int worker) {
    Fed& fed = *fed_[static_cast<size_t>(task)];
    if (!fed.sampled) return;
    const Request& request = fed.sequence->request;
    const double random = uniform(request.sampling.seed, request.stream, fed.sequence->step());
    fed.token = sample(kernels_, fed.logits, request.sampling, random, scratch_[static_cast<size_t>(worker)]);
    if (fed.token >= 0 && fed.sequence->notesEntropy()) fed.entropy = entropyBits(fed.logits);
  });
}

}  // namespace pathpress
