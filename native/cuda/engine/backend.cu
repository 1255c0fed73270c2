#include "backend.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "../../engine/errors.h"
#include "../../engine/sequence.h"
#include "../norm.h"
#include "../pack.h"
#include "../packed_model.h"
#include "../upload.h"
#include "holding.h"

namespace pathpress::cuda {

namespace {

void checkShape(const Model& model) {
  const ModelShape shape = shapeOf(model);
  const auto demand = [](bool good, const std::string& what) {
    if (!good) throw EngineError("BAD_CONFIG", "device cuda: " + what);
  };
  const std::string dim = "head_dim " + std::to_string(shape.dim);
  demand(shape.dim == 64 || shape.dim == 128, dim + " is not 64 or 128");
  demand(shape.neighbours || shape.pairs == shape.dim / 2, dim + " is not rotated whole");
  demand(shape.heads / shape.kvHeads <= 16, "num_attention_heads " + std::to_string(shape.heads) + " is more than 16 times " +
                                                "num_key_value_heads " + std::to_string(shape.kvHeads));
  demand(shape.hidden % packedRows == 0 && shape.hidden <= maxNormWidth,
         "hidden_size " + std::to_string(shape.hidden) + " is not a multiple of 16 up to " + std::to_string(maxNormWidth));
  demand(shape.intermediate % 8 == 0, "intermediate_size " + std::to_string(shape.intermediate) + " is not a multiple of 8");
}

bool wantsEntropies(std::span<const Fed> fed) {
  return std::ranges::any_of(fed, [](const Fed& one) { return one.sampled && one.sequence->notesEntropy(); });
}

}  // namespace

CudaBackend::CudaBackend(std::unique_ptr<Device> device, std::unique_ptr<Model> model, const CudaOptions& options)
    : device_(std::move(device)), model_(std::move(model)), options_(options) {
  checkShape(*model_);
  const double needed = 2.0 * static_cast<double>(countParameters(model_->config).total);
  const size_t free = device_->freeBytes();
  if (needed > static_cast<double>(free)) throw EngineError("OUT_OF_MEMORY", cuda::memoryText("the weights", needed, free));
  weights_ = uploadWeights(*device_, *model_, options.threads);
  model_->releaseWeights();
  fixedArrays_ = device_->arrays();
  roomBytes_ = device_->freeBytes();
}

size_t CudaBackend::pageBytes() const {
  const ModelShape& shape = weights_.shape;
  return static_cast<size_t>(shape.layers * shape.pageElements()) * sizeof(Bf16);
}

void CudaBackend::check(const Request& request, const Policy& policy) const {
  const Recipe recipe = policy.recipe();
  const auto refuse = [&](bool asked, const std::string& what) {
    if (asked) throw EngineError("BAD_OPTION", "device cuda: " + what);
  };
  const std::string name = "policy " + request.policy.name;
  refuse(recipe.sharedOut && weights_.shape.kvHeads > mostSharing,
         name + ": no places shared out among more than " + std::to_string(mostSharing) + " key-value heads");
  refuse(recipe.rotatedAtReading && weights_.shape.pairs % 2 != 0,
         name + ": no keys of " + std::to_string(weights_.shape.pairs) + " pairs rotated at reading");
  refuse(recipe.modelArithmetic && model_->type() != DType::bf16,
         name + ": no votes in the type of " + dtypeName(model_->type()) + " weights (preset reference)");
  refuse(recipe.kernel > maxKernel, name + ": kernel " + std::to_string(recipe.kernel) + " is more than " +
                                        std::to_string(maxKernel));
  refuse(request.assumed.entries > 0, "no assumed entries: a benchmark of the GPU fills its own");
  const double room = static_cast<double>(roomBytes_);
  if (neededBytes(request, policy) <= room) return;
  Request shorter = request;
  int64_t fits = 0;
  for (int64_t step = std::bit_floor(static_cast<uint64_t>(request.maxTokens)); step > 0; step /= 2) {
    shorter.maxTokens = fits + step;
    if (neededBytes(shorter, policy) <= room) fits += step;
  }
  const std::string tokens = std::to_string(request.maxTokens) + " tokens after a prompt of " +
                             std::to_string(request.promptIds.size());
  throw EngineError("OUT_OF_MEMORY", cuda::memoryText(tokens, neededBytes(request, policy), roomBytes_) + ": " + name +
                                         " has room for " + std::to_string(fits) + " tokens at most");
}

std::unique_ptr<Holding> CudaBackend::hold(const Request& request, const Policy& policy) {
  return std::make_unique<CudaHolding>(*this, request, policy);
}

PoolCensus CudaBackend::census(std::span<const Holding* const> live) const {
  PoolCensus census;
  if (!decoder_) return census;
  census.total = static_cast<size_t>(decoder_->limits().poolPages);
  census.free = static_cast<size_t>(decoder_->freePages());
  census.used = census.total - census.free;
  std::vector<int> pages;
  for (const Holding* const one : live) {
    const auto& holding = static_cast<const CudaHolding&>(*one);
    if (holding.slot >= 0) pages.insert(pages.end(), holding.pages().begin(), holding.pages().end());
  }
  census.held = pages.size();
  std::ranges::sort(pages);
  census.distinct = static_cast<size_t>(std::ranges::unique(pages).begin() - pages.begin());
  return census;
}

int CudaBackend::takeSlot() {
  const int slot = freeSlots_.back();
  freeSlots_.pop_back();
  return slot;
}

void CudaBackend::giveSlot(int slot) { freeSlots_.push_back(slot); }

void CudaBackend::run(std::span<Fed> fed, int turn) {
  std::vector<Decoder::Row> rows;
  bool judged = false;
  for (const Fed& one : fed) {
    judged |= one.judged > 0;
    const Sequence& sequence = *one.sequence;
    CudaHolding& holding = cudaHolding(sequence);
    if (one.sampled && holding.draws != static_cast<int64_t>(sequence.step())) {
      holding.draws = static_cast<int64_t>(sequence.step());  // as after a restart
      decoder_->drawFrom(holding.slot, static_cast<int>(holding.draws));
    }
    for (int i = 0; i < one.rows; ++i) {
      rows.push_back({holding.slot, i == 0 && holding.drew ? -1 : sequence.upcoming(i), one.sampled && i + 1 == one.rows});
    }
  }
  if (!decoder_->run(rows, judged)) throw EngineError("INTERNAL", "a step that no kernel can do");
  observe(fed);
  if (judged) judge(fed);
  decoder_->sendDrawn(turn, wantsEntropies(fed));
  for (const Fed& one : fed) {
    CudaHolding& holding = cudaHolding(*one.sequence);
    holding.drew = one.sampled;
    holding.draws += one.sampled;
  }
}

void CudaBackend::take(std::span<Fed> fed, int turn) {
  decoder_->awaitDrawn(turn, wantsEntropies(fed));
  for (Fed& one : fed) {
    if (!one.sampled) continue;
    const int slot = cudaHolding(*one.sequence).slot;
    one.token = decoder_->drawn(turn, slot);
    if (one.sequence->notesEntropy()) one.entropy = decoder_->entropy(turn, slot);
  }
}

// Sequences of one recipe in one go.
void CudaBackend::observe(std::span<Fed> fed) {
  std::vector<const Fed*> watched;
  for (const Fed& one : fed) {
    if (one.sequence->recipe.record != Record::none) watched.push_back(&one);
  }
  while (!watched.empty()) {
    const Sequence& first = *watched[0]->sequence;
    std::vector<ObservedSequence> alike;
    std::erase_if(watched, [&](const Fed* one) {
      const Sequence& sequence = *one->sequence;
      if (sequence.request.policy != first.request.policy) return false;
      const CudaHolding& holding = cudaHolding(sequence);
      alike.push_back({holding.slot, holding.count + one->rows, holding.settled, one->rows, holding.ring(),
                       sequence.position(one->rows - 1)});
      return true;
    });
    compressor_->observe(*decoder_, first.recipe, alike);
  }
}

// What the logits before known tokens say of them, on the host.
void CudaBackend::judge(std::span<Fed> fed) {
  int end = 0;
  for (const Fed& one : fed) {
    end += one.rows;
    for (int i = 0; i < one.judged; ++i) {
      const std::vector<float> row = decoder_->logits(end - one.judged + i);
      const auto id = one.sequence->generated(one.sequence->step() + static_cast<uint64_t>(i));
      const bool finite = allFinite(row), asked = finite && one.sequence->notesEntropy();
      one.sequence->judge(finite ? logLikelihood(row, id) : NAN, asked ? entropyBits(row) : 0);
    }
  }
}

std::string CudaBackend::memoryText(size_t rows, size_t) const {
  return "the machine has no memory left for a step of " + std::to_string(rows) + " rows on the GPU";
}

}  // namespace pathpress::cuda
