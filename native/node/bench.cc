#include "bench.h"

#include <cmath>

#include "../bench/attention.h"
#include "../bench/ceilings.h"
#include "../engine/clock.h"
#include "guarded.h"

namespace pathpress {
namespace {

std::string text(const Napi::Value& value) { return value.As<Napi::String>().Utf8Value(); }
DType typeOf(const Napi::Value& value) { return text(value) == "bf16" ? DType::bf16 : DType::f32; }

// readBandwidth(bytes, threads, simd): bytes a second
Napi::Value bandwidth(const Napi::CallbackInfo& info) {
  const auto bytes = static_cast<size_t>(info[0].As<Napi::Number>().Int64Value());
  return guarded(info.Env(), "the benchmark", [&] {
    return Napi::Number::New(info.Env(), readBandwidth(bytes, info[1].As<Napi::Number>().Int32Value(), text(info[2])));
  });
}

// roundTripSeconds()
Napi::Value roundTrip(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), "the benchmark", [&] { return Napi::Number::New(info.Env(), roundTripSeconds()); });
}

// operationRate(type, threads, simd, milliseconds): { best, mean }, operations a second
Napi::Value rate(const Napi::CallbackInfo& info) {
  const std::chrono::milliseconds time(info[3].As<Napi::Number>().Int32Value());
  return guarded(info.Env(), "the benchmark", [&] {
    const auto [best, mean] = operationRate(typeOf(info[0]), info[1].As<Napi::Number>().Int32Value(), text(info[2]), time);
    Napi::Object out = Napi::Object::New(info.Env());
    out.Set("best", best);
    out.Set("mean", mean);
    return out;
  });
}

// attentionSeconds(work, rounds): seconds of each round
Napi::Value attention(const Napi::CallbackInfo& info) {
  const auto given = info[0].As<Napi::Object>();
  const auto number = [&](const char* name) { return given.Get(name).As<Napi::Number>().Int32Value(); };
  const std::string simd = text(given.Get("simd"));
  return guarded(info.Env(), "the benchmark", [&] {
    const AttentionWork work{number("sequences"), number("kvHeads"), number("group"), number("dim"), number("entries"),
                             typeOf(given.Get("type")), productInputOf(text(given.Get("products"))), number("threads"), simd};
    const auto seconds = attentionSeconds(work, info[1].As<Napi::Number>().Int32Value());
    Napi::Array out = Napi::Array::New(info.Env(), seconds.size());
    for (uint32_t i = 0; i < seconds.size(); ++i) out.Set(i, seconds[i]);
    return out;
  });
}

struct Reading {
  double bandwidth, operations, roundTrip, seconds;
};

// As Measured.reading of src/bench/ceilings.ts has it.
Reading readMachine(size_t bytes, DType type, int threads, const std::string& simd) {
  constexpr std::chrono::milliseconds moment(100);
  const auto start = Clock::now();
  const double bandwidth = readBandwidth(bytes, threads, simd), rate = operationRate(type, threads, simd, moment).mean;
  return {bandwidth, rate, threads > 1 ? roundTripSeconds() : NAN, secondsSince(start)};
}

}  // namespace

void readBetween(Engine& engine, const Napi::CallbackInfo& info) {
  const auto bytes = static_cast<size_t>(info[0].As<Napi::Number>().Int64Value());
  const auto callback =
      Napi::ThreadSafeFunction::New(info.Env(), info[3].As<Napi::Function>(), "pathpress reading", 0, 1);
  engine.between([=, &engine, type = typeOf(info[1]), simd = text(info[2]), threads = engine.backend().threads()] {
    Reading reading{NAN, NAN, NAN, 0};  // where the machine has no memory or thread for it, or the engine goes away
    try {
      if (!engine.backend().cancelled()) reading = readMachine(bytes, type, threads, simd);
    } catch (const std::exception&) {
    }
    const napi_status said = callback.NonBlockingCall([reading](Napi::Env env, Napi::Function done) {
      Napi::Object out = Napi::Object::New(env);
      out.Set("bandwidth", reading.bandwidth);
      out.Set("operations", reading.operations);
      out.Set("roundTrip", reading.roundTrip);
      out.Set("seconds", reading.seconds);
      done.Call({out});
    });
    if (said != napi_closing) callback.Release();  // else it must not be touched again
  });
}

void exportBench(Napi::Object& exports) {
  exports.Set("readBandwidth", Napi::Function::New(exports.Env(), bandwidth, "readBandwidth"));
  exports.Set("roundTripSeconds", Napi::Function::New(exports.Env(), roundTrip, "roundTripSeconds"));
  exports.Set("operationRate", Napi::Function::New(exports.Env(), rate, "operationRate"));
  exports.Set("attentionSeconds", Napi::Function::New(exports.Env(), attention, "attentionSeconds"));
}

}  // namespace pathpress
