#include "analysis.h"

#include <new>

#include "../analysis/gram_counts.h"
#include "../engine/errors.h"
#include "convert.h"

namespace pathpress {
namespace {

template <class Body>
auto guarded(Napi::Env env, Body body) {
  try {
    return body();
  } catch (const EngineError& error) {
    throw fromError(env, error.code, error.what());
  } catch (const std::bad_alloc&) {
    throw fromError(env, "OUT_OF_MEMORY", "the machine has no memory left for the analysis");
  }
}

// gramOccurrences(ids, n, lengths, threads): for each length pairs of times and grams
Napi::Value gramOccurrencesOf(const Napi::CallbackInfo& info) {
  const auto ids = info[0].As<Napi::Int32Array>();
  const auto given = info[2].As<Napi::Array>();
  std::vector<size_t> lengths(given.Length());
  for (uint32_t i = 0; i < given.Length(); ++i) {
    lengths[i] = static_cast<size_t>(given.Get(i).As<Napi::Number>().Int64Value());
  }
  const auto found = guarded(info.Env(), [&] {
    return gramOccurrences(ids.Data(), info[1].As<Napi::Number>().Int32Value(), lengths,
                           info[3].As<Napi::Number>().Int32Value());
  });
  Napi::Array out = Napi::Array::New(info.Env(), found.size());
  for (uint32_t i = 0; i < found.size(); ++i) {
    Napi::Uint32Array pairs = Napi::Uint32Array::New(info.Env(), 2 * found[i].size());
    for (size_t k = 0; k < found[i].size(); ++k) {
      pairs[2 * k] = found[i][k].times;
      pairs[2 * k + 1] = found[i][k].grams;
    }
    out.Set(i, pairs);
  }
  return out;
}

}  // namespace

void exportAnalysis(Napi::Object& exports) {
  exports.Set("gramOccurrences", Napi::Function::New(exports.Env(), gramOccurrencesOf, "gramOccurrences"));
}

}  // namespace pathpress
