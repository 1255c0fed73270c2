// The add-on's exports. No engine logic: values are converted, calls passed on, errors given a code.
#include <napi.h>

#include <set>

#include "../cuda/gpu/open.h"
#include "../engine/kernels.h"
#include "analysis.h"
#include "bench.h"
#include "bridge.h"
#include "guarded.h"
#include "plan.h"

namespace pathpress {
namespace {

class NativeEngine;

// The engines that an environment (the main thread, a worker) has alive; outlives whichever goes first.
using EngineSet = std::set<NativeEngine*>;

struct EnvironmentData {
  Napi::FunctionReference constructor;
  std::shared_ptr<EngineSet> engines = std::make_shared<EngineSet>();
};

class NativeEngine : public Napi::ObjectWrap<NativeEngine> {
 public:
  static Napi::Function define(Napi::Env env) {
    return DefineClass(env, "NativeEngine",
                       {InstanceMethod<&NativeEngine::start>("start"), InstanceMethod<&NativeEngine::abort>("abort"),
                        InstanceMethod<&NativeEngine::stop>("stop"),
                        InstanceMethod<&NativeEngine::acknowledge>("acknowledge"),
                        InstanceMethod<&NativeEngine::answer>("answer"),
                        InstanceMethod<&NativeEngine::logits>("logits"), InstanceMethod<&NativeEngine::info>("info"),
                        InstanceMethod<&NativeEngine::readBetween>("readBetween"),
                        InstanceMethod<&NativeEngine::dispose>("dispose")});
  }

  explicit NativeEngine(const Napi::CallbackInfo& info) : ObjectWrap(info), engines_(data(info.Env())->engines) {
    if (!info[0].IsExternal()) throw Napi::TypeError::New(info.Env(), "engines come from load()");
    engine_ = std::move(*info[0].As<Napi::External<std::unique_ptr<Engine>>>().Data());
    engines_->insert(this);
  }
  ~NativeEngine() override { close(); }

  static EnvironmentData* data(Napi::Env env) { return env.GetInstanceData<EnvironmentData>(); }

  // Stops live runs and joins the engine's thread.
  void close() {
    engines_->erase(this);
    engine_.reset();
  }

 private:
  Engine& live(Napi::Env env) const {
    if (!engine_) throw fromError(env, "DISPOSED", "the engine was disposed");
    return *engine_;
  }

  static uint64_t id(const Napi::CallbackInfo& info) {
    return static_cast<uint64_t>(info[0].As<Napi::Number>().Int64Value());
  }
  static size_t request(const Napi::CallbackInfo& info) {
    return static_cast<size_t>(info[1].As<Napi::Number>().Int64Value());
  }

  // start(run, requests, batch, callback)
  void start(const Napi::CallbackInfo& info) {
    guarded(info.Env(), "the request", [&] {
      std::vector<Request> requests = toRequests(info[1].As<Napi::Array>());
      Engine& engine = live(info.Env());  // after the requests: a getter among them may have disposed of it
      const auto batch = static_cast<size_t>(info[2].As<Napi::Number>().Int64Value());
      const std::shared_ptr<Bridge> bridge = Bridge::create(info.Env(), info[3].As<Napi::Function>());
      try {
        engine.start(id(info), std::move(requests), batch, bridge);
      } catch (...) {
        bridge->close();
        throw;
      }
    });
  }

  void abort(const Napi::CallbackInfo& info) {
    if (engine_) engine_->abort(id(info));
  }
  void stop(const Napi::CallbackInfo& info) {
    if (engine_) engine_->stop(id(info), request(info), info[2].ToBoolean() ? Finish::aborted : Finish::stop);
  }
  void acknowledge(const Napi::CallbackInfo& info) {
    if (engine_) engine_->acknowledge(id(info), request(info));
  }

  // answer(run, request, question, scores)
  void answer(const Napi::CallbackInfo& info) {
    if (!engine_) return;
    const auto question = static_cast<uint64_t>(info[2].As<Napi::Number>().Int64Value());
    guarded(info.Env(), "the scores",
            [&] { engine_->answer(id(info), request(info), question, toScores(info[3].As<Napi::Array>())); });
  }

  // logits(ids, callback)
  void logits(const Napi::CallbackInfo& info) {
    Engine& engine = live(info.Env());
    guarded(info.Env(), "the logits", [&] {
      std::vector<int32_t> ids = toIds(info[0]);
      const std::shared_ptr<Bridge> bridge = Bridge::create(info.Env(), info[1].As<Napi::Function>());
      try {
        engine.logits(std::move(ids), [bridge](std::vector<float>&& values, const std::string& code, const std::string& what) {
          bridge->logits(std::move(values));
          bridge->done(code, what);
        });
      } catch (...) {
        bridge->close();
        throw;
      }
    });
  }

  void readBetween(const Napi::CallbackInfo& info) { pathpress::readBetween(live(info.Env()), info); }

  Napi::Value info(const Napi::CallbackInfo& info) { return fromModel(info.Env(), live(info.Env())); }
  void dispose(const Napi::CallbackInfo&) { close(); }

  std::shared_ptr<EngineSet> engines_;
  std::unique_ptr<Engine> engine_;
};

// Loads a model off the JavaScript thread.
class LoadWorker : public Napi::AsyncWorker {
 public:
  LoadWorker(Napi::Env env, EngineOptions options)
      : AsyncWorker(env), deferred_(env), options_(std::move(options)) {}
  Napi::Promise promise() const { return deferred_.Promise(); }

 private:
  void Execute() override {
    try {
      engine_ = options_.device == "cuda" ? std::make_unique<Engine>(cuda::openBackend(options_), options_.prefillRows)
                                          : std::make_unique<Engine>(options_);
    } catch (const EngineError& error) {
      fail(error.code, error.what());
    } catch (const std::bad_alloc&) {
      fail("OUT_OF_MEMORY", "the machine has no memory left for the model");
    } catch (const std::exception& error) {
      fail("INTERNAL", error.what());
    }
  }
  void fail(const std::string& code, const std::string& what) {
    code_ = code;
    SetError(what);
  }
  void OnOK() override {
    const auto holder = Napi::External<std::unique_ptr<Engine>>::New(Env(), &engine_);
    deferred_.Resolve(NativeEngine::data(Env())->constructor.New({holder}));
  }
  void OnError(const Napi::Error& error) override { deferred_.Reject(fromError(Env(), code_, error.Message()).Value()); }

  Napi::Promise::Deferred deferred_;
  EngineOptions options_;
  std::string code_;
  std::unique_ptr<Engine> engine_;
};

Napi::Value load(const Napi::CallbackInfo& info) {
  auto* worker = new LoadWorker(info.Env(), toEngineOptions(info[0].As<Napi::Object>()));
  const Napi::Promise promise = worker->promise();
  worker->Queue();
  return promise;
}

Napi::Value simd(const Napi::CallbackInfo& info) {
  Napi::Array names = Napi::Array::New(info.Env());
  for (const Kernels* kernels : availableKernels()) names.Set(names.Length(), kernels->name);
  return names;
}

// Why there is no GPU that the engine can run on; empty where there is one.
Napi::Value whyNoCuda(const Napi::CallbackInfo& info) { return Napi::String::New(info.Env(), cuda::whyUnavailable()); }

Napi::Object initialize(Napi::Env env, Napi::Object exports) {
  auto* data = new EnvironmentData;
  data->constructor = Napi::Persistent(NativeEngine::define(env));
  env.SetInstanceData(data);
  env.AddCleanupHook([engines = data->engines] {
    while (!engines->empty()) (*engines->begin())->close();
  });
  exports.Set("load", Napi::Function::New(env, load, "load"));
  exports.Set("simd", Napi::Function::New(env, simd, "simd"));
  exports.Set("whyNoCuda", Napi::Function::New(env, whyNoCuda, "whyNoCuda"));
  exportAnalysis(exports);
  exportPlan(exports);
  exportBench(exports);
  return exports;
}

}  // namespace

NODE_API_MODULE(engine, initialize)

}  // namespace pathpress
