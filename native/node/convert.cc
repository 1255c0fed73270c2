#include "convert.h"

#include <algorithm>

namespace pathpress {
namespace {

Napi::Value member(const Napi::Object& object, const char* name) { return object.Get(name); }
double number(const Napi::Object& object, const char* name) {
  const Napi::Value value = member(object, name);
  if (!value.IsNumber()) throw Napi::TypeError::New(object.Env(), std::string(name) + " is not a number");
  return value.As<Napi::Number>().DoubleValue();
}
int integer(const Napi::Object& object, const char* name) { return static_cast<int>(number(object, name)); }
int64_t count(const Napi::Object& object, const char* name) { return static_cast<int64_t>(number(object, name)); }
std::string text(const Napi::Object& object, const char* name) {
  const Napi::Value value = member(object, name);
  if (!value.IsString()) throw Napi::TypeError::New(object.Env(), std::string(name) + " is not a string");
  return value.As<Napi::String>().Utf8Value();
}
bool flag(const Napi::Object& object, const char* name) { return member(object, name).ToBoolean().Value(); }
Napi::Object child(const Napi::Object& object, const char* name) {
  const Napi::Value value = member(object, name);
  if (!value.IsObject()) throw Napi::TypeError::New(object.Env(), std::string(name) + " is not an object");
  return value.As<Napi::Object>();
}

}  // namespace

ModelConfig toConfig(const Napi::Object& value) {
  ModelConfig config;
  config.family = text(value, "family");
  config.layers = integer(value, "layers");
  config.hidden = integer(value, "hidden");
  config.intermediate = integer(value, "intermediate");
  config.heads = integer(value, "heads");
  config.kvHeads = integer(value, "kvHeads");
  config.headDim = integer(value, "headDim");
  config.vocab = integer(value, "vocab");
  config.normEpsilon = number(value, "normEpsilon");
  config.ropeTheta = number(value, "ropeTheta");
  config.ropeFraction = number(value, "ropeFraction");
  const Napi::Object scaling = child(value, "ropeScaling");
  config.ropeScaling = {text(scaling, "type"), number(scaling, "factor"), number(scaling, "lowFrequencyFactor"),
                        number(scaling, "highFrequencyFactor"), number(scaling, "originalPositions"), number(scaling, "betaFast"),
                        number(scaling, "betaSlow"), flag(scaling, "truncate"), number(scaling, "attentionFactor")};
  config.tiedEmbeddings = flag(value, "tiedEmbeddings");
  config.attentionBias = flag(value, "attentionBias");
  config.mlpBias = flag(value, "mlpBias");
  return config;
}

// Options that a policy does not have keep their defaults; it reads only its own.
PolicyOptions toPolicy(const Napi::Object& value) {
  PolicyOptions policy;
  const auto given = [&](const char* name) { return !member(value, name).IsUndefined(); };
  const auto setText = [&](const char* name, std::string& to) {
    if (given(name)) to = text(value, name);
  };
  const auto setCount = [&](const char* name, int64_t& to) {
    if (given(name)) to = count(value, name);
  };
  setText("name", policy.name);
  setCount("interval", policy.interval);
  setCount("window", policy.window);
  if (given("ratio")) policy.ratio = number(value, "ratio");
  setText("budget", policy.budget);
  setCount("keep", policy.keep);
  if (given("pinPrompt")) policy.pinPrompt = flag(value, "pinPrompt");
  setText("preset", policy.preset);
  setCount("kernel", policy.kernel);
  setText("pooling", policy.pooling);
  setText("neighbours", policy.neighbours);
  setText("aggregation", policy.aggregation);
  setText("selectors", policy.selectors);
  setText("draw", policy.draw);
  setCount("drawSeed", policy.drawSeed);
  setText("granularity", policy.granularity);
  setCount("run", policy.run);
  setCount("ahead", policy.ahead);
  setText("moment", policy.moment);
  setCount("sinks", policy.sinks);
  setText("recent", policy.recent);
  if (given("lambda")) policy.lambda = number(value, "lambda");
  if (given("threshold")) policy.threshold = number(value, "threshold");
  if (given("floor")) policy.floor = number(value, "floor");
  return policy;
}

namespace {

Request toRequest(const Napi::Object& value) {
  Request request;
  request.promptIds = toIds(member(value, "promptIds"));
  request.policy = toPolicy(child(value, "policy"));
  const Napi::Object sampling = child(value, "sampling");
  request.sampling = {number(sampling, "temperature"), number(sampling, "topP"), integer(sampling, "topK"),
                      number(sampling, "minP"), static_cast<uint64_t>(number(sampling, "seed"))};
  request.maxTokens = count(value, "maxTokens");
  request.stopIds = toIds(member(value, "stopIds"));
  const std::vector<int32_t> stream = toIds(member(value, "stream"));
  if (stream.size() != 2) throw Napi::TypeError::New(value.Env(), "stream is not a pair");
  std::copy(stream.begin(), stream.end(), request.stream);
  if (member(value, "forced").IsTypedArray()) request.forced = toIds(member(value, "forced"));
  request.trace = flag(value, "trace");
  request.tokens = flag(value, "tokens");
  request.lockstep = flag(value, "lockstep");
  request.aborted = flag(value, "aborted");
  if (member(value, "assumed").IsObject()) {
    const Napi::Object assumed = child(value, "assumed");
    request.assumed = {integer(assumed, "entries"), count(assumed, "written")};
  }
  request.scored = flag(value, "scored");
  request.scoreKeys = flag(value, "scoreKeys");
  return request;
}

Napi::Int32Array fromIds(Napi::Env env, const std::vector<int32_t>& ids) {
  Napi::Int32Array array = Napi::Int32Array::New(env, ids.size());
  std::copy(ids.begin(), ids.end(), array.Data());
  return array;
}

Napi::Float32Array fromFloats(Napi::Env env, const std::vector<float>& values) {
  Napi::Float32Array array = Napi::Float32Array::New(env, values.size());
  std::copy(values.begin(), values.end(), array.Data());
  return array;
}

template <class Row, class Fill>
Napi::Array fromRows(Napi::Env env, const std::vector<Row>& rows, Fill fill) {
  Napi::Array array = Napi::Array::New(env, rows.size());
  for (size_t i = 0; i < rows.size(); ++i) {
    Napi::Object object = Napi::Object::New(env);
    fill(object, rows[i]);
    array.Set(static_cast<uint32_t>(i), object);
  }
  return array;
}

Napi::Object fromCache(Napi::Env env, const CacheReport& report) {
  Napi::Object cache = Napi::Object::New(env);
  cache.Set("finalEntries", report.finalEntries);
  cache.Set("peakEntries", report.peakEntries);
  cache.Set("meanEntries", report.meanEntries);
  cache.Set("peakBytes", report.peakBytes);
  cache.Set("meanBytes", report.meanBytes);
  cache.Set("sideBytes", report.sideBytes);
  cache.Set("readBytes", report.readBytes);
  if (report.minEntries != report.maxEntries) {
    cache.Set("minEntries", report.minEntries);
    cache.Set("maxEntries", report.maxEntries);
  }
  return cache;
}

}  // namespace

EngineOptions toEngineOptions(const Napi::Object& value) {
  EngineOptions options;
  options.config = toConfig(child(value, "config"));
  const auto files = child(value, "weightFiles").As<Napi::Array>();
  for (uint32_t i = 0; i < files.Length(); ++i) {
    options.weightFiles.push_back(Napi::Value(files[i]).ToString().Utf8Value());
  }
  options.device = text(value, "device");
  options.threads = integer(value, "threads");
  options.cacheType = text(value, "cache");
  options.simd = text(value, "simd");
  options.products = text(value, "products");
  options.cacheLimit = static_cast<size_t>(number(value, "cacheLimit"));
  options.prefillRows = integer(value, "prefillRows");
  return options;
}

std::vector<int32_t> toIds(const Napi::Value& value) {
  if (!value.IsTypedArray() || value.As<Napi::TypedArray>().TypedArrayType() != napi_int32_array) {
    throw Napi::TypeError::New(value.Env(), "ids are not an Int32Array");
  }
  const auto array = value.As<Napi::Int32Array>();
  return {array.Data(), array.Data() + array.ElementLength()};
}

std::vector<Request> toRequests(const Napi::Array& values) {
  std::vector<Request> requests;
  for (uint32_t i = 0; i < values.Length(); ++i) {
    const Napi::Value value = values[i];
    if (!value.IsObject()) throw Napi::TypeError::New(values.Env(), "a request is not an object");
    requests.push_back(toRequest(value.As<Napi::Object>()));
  }
  return requests;
}

Napi::Object fromQuestion(Napi::Env env, const Question& question) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("number", static_cast<double>(question.number));
  object.Set("ballots", fromRows(env, question.ballots, [&](Napi::Object& to, const Ballot& row) {
               to.Set("generated", static_cast<double>(question.generated));
               to.Set("layer", row.layer);
               to.Set("head", row.head < 0 ? env.Null() : Napi::Value(Napi::Number::New(env, row.head)));
               to.Set("stay", static_cast<double>(row.stay));
               to.Set("positions", fromIds(env, row.positions));
               to.Set("ids", fromIds(env, row.ids));
               to.Set("votes", fromFloats(env, row.votes));
               to.Set("entropies", fromFloats(env, row.entropies));
               if (row.keys.empty()) return;
               to.Set("keys", fromFloats(env, row.keys));
               to.Set("keyHeads", question.heads);
               to.Set("keySize", question.dim);
             }));
  return object;
}

std::vector<std::vector<float>> toScores(const Napi::Array& values) {
  std::vector<std::vector<float>> scores;
  for (uint32_t i = 0; i < values.Length(); ++i) {
    const Napi::Value value = values[i];
    if (!value.IsTypedArray() || value.As<Napi::TypedArray>().TypedArrayType() != napi_float32_array) {
      throw Napi::TypeError::New(values.Env(), "scores are not a Float32Array");
    }
    const auto array = value.As<Napi::Float32Array>();
    scores.emplace_back(array.Data(), array.Data() + array.ElementLength());
  }
  return scores;
}

Napi::Object fromResult(Napi::Env env, const Result& result) {
  constexpr const char* finishes[] = {"stop", "length", "aborted"};
  Napi::Object object = Napi::Object::New(env);
  object.Set("ids", fromIds(env, result.ids));
  object.Set("logLikelihoods", fromFloats(env, result.logLikelihoods));
  object.Set("finish", finishes[static_cast<int>(result.finish)]);
  object.Set("promptTokens", static_cast<double>(result.promptTokens));
  object.Set("compressions", fromRows(env, result.compressions, [](Napi::Object& to, const Compression& row) {
               to.Set("generated", static_cast<double>(row.generated));
               to.Set("before", static_cast<double>(row.before));
               to.Set("after", static_cast<double>(row.after));
             }));
  if (result.evictions) {
    const auto& [count, first, last] = *result.evictions;
    Napi::Object evictions = Napi::Object::New(env);
    evictions.Set("count", static_cast<double>(count));
    evictions.Set("first", count ? Napi::Value(Napi::Number::New(env, static_cast<double>(first))) : env.Null());
    evictions.Set("last", count ? Napi::Value(Napi::Number::New(env, static_cast<double>(last))) : env.Null());
    object.Set("evictions", evictions);
  }
  object.Set("cache", fromCache(env, result.cache));
  object.Set("prefillSeconds", result.prefillSeconds);
  object.Set("decodeSeconds", result.decodeSeconds);
  object.Set("compressSeconds", result.compressSeconds);
  object.Set("trace", fromRows(env, result.trace, [env](Napi::Object& to, const KeptPositions& row) {
               to.Set("generated", static_cast<double>(row.generated));
               to.Set("layer", row.layer);
               to.Set("head", row.head < 0 ? env.Null() : Napi::Value(Napi::Number::New(env, row.head)));
               to.Set("positions", fromIds(env, row.positions));
               if (!row.mass.empty()) to.Set("mass", fromFloats(env, row.mass));
             }));
  return object;
}

Napi::Object fromModel(Napi::Env env, const Engine& engine) {
  Napi::Object object = Napi::Object::New(env);
  const Backend& backend = engine.backend();
  const Model& model = backend.model();
  object.Set("weightsType", dtypeName(model.layers[0].query.weight.type));
  object.Set("weightsBytes", static_cast<double>(model.weights.bytes()));
  object.Set("weightsMapped", model.weights.inFiles());
  object.Set("cacheType", backend.cacheType());
  object.Set("simd", backend.simd());
  object.Set("threads", backend.threads());
  return object;
}

Napi::Error fromError(Napi::Env env, const std::string& code, const std::string& message) {
  Napi::Error error = Napi::Error::New(env, message);
  error.Set("code", code);
  return error;
}

}  // namespace pathpress
