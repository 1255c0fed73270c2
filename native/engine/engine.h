// The engine: a backend with a model, and one thread that runs every live sequence as one continuously refilled batch.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "sequence.h"

namespace pathpress {

struct EngineOptions {
  std::string device = "cpu";  // or cuda: read by who opens an engine, not by the engine
  ModelConfig config;
  std::vector<std::string> weightFiles;
  int threads = 1;
  std::string cacheType;  // f32, bf16, int8, int4, or empty for the model's own (f32 of an f16 model)
  std::string products;   // float32 (or empty) or bf16: what products of weights see of their inputs
  std::string simd;       // a row of availableKernels(), or empty for the fastest
  size_t cacheLimit = 0;  // bytes of the block pool at most; 0 for 80 % of the memory that the process may have
  size_t nearBytes = 0;   // of KV caches that a step reads at most (Backend::nearBlocks); 0 for what suits the model
  int prefillRows = 128;  // rows of prompts, and of what is computed anew, that a step feeds beside the others' tokens
};

// Requests that share a listener and a number of places in the batch.
struct Run {
  uint64_t id = 0;
  std::vector<Request> requests;
  size_t batch = 1;  // sequences of this run at a time
  std::shared_ptr<Listener> listener;
  Demand demand;
  size_t started = 0, active = 0;
  std::map<size_t, Finish> stopped;  // requests that were stopped before they were started, and how
};

class Engine {
 public:
  // Loads the model; throws EngineError.
  explicit Engine(const EngineOptions& options);
  Engine(std::unique_ptr<Backend> backend, int prefillRows);
  // Stops what runs (finish aborted) and waits for the thread: for as long as the tasks under way take, one a worker (at
  // most 192 rows of a weight, one head's attention, one layer's compression), however long the step or the logits asked
  // for.
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  // Checks every request (throws EngineError BAD_PROMPT, BAD_OPTION) and queues the run. Ids are the caller's and unique.
  void start(uint64_t id, std::vector<Request> requests, size_t batch, std::shared_ptr<Listener> listener);
  // Ends a run, or one of its requests, with what was generated. Unknown ids are ignored.
  void abort(uint64_t run);
  void stop(uint64_t run, size_t request, Finish how);
  // Takes a request's cache away as if the pool had run out: it is computed anew when another sequence has ended, or
  // none is left. Its result is the same.
  void preempt(uint64_t run, size_t request);
  // Counts the pool's blocks between two steps and tells `done`, on the engine's thread.
  void census(std::function<void(const PoolCensus&)> done);
  // Runs `work` between two steps, on the engine's thread: for who measures the machine, not beside a step.
  void between(std::function<void()> work) { post(std::move(work)); }
  // Scores of the sets that a question listed, in its order, of as many candidates each. Unknown numbers are ignored.
  void answer(uint64_t run, size_t request, uint64_t question, std::vector<std::vector<float>> scores);
  // Lets a request of a lockstep run go on to its next token.
  void acknowledge(uint64_t run, size_t request);

  using LogitsDone = std::function<void(std::vector<float>&& logits, const std::string& code, const std::string& message)>;
  // Teacher-forced logits of every position, (ids, vocab); `done` is called on the engine's thread, with code
  // OUT_OF_MEMORY, BAD_LOGITS (naming the position) or DISPOSED where there are none.
  void logits(std::vector<int32_t> ids, LogitsDone done);

  const Backend& backend() const { return *backend_; }

 private:
  using Command = std::function<void()>;

  void checkIds(const std::vector<int32_t>& ids, const char* what) const;
  void post(Command command);
  void loop();
  void guard(const std::function<void()>& work);
  void runCommands();
  bool step();
  void admit();
  bool admitNext(Run& run);
  bool readmit();
  bool fits(const Run& run, double peakBlocks);
  bool makeRoom(size_t place, int entries);
  void park(Sequence& sequence);
  void takeTurns();
  void collectRows();
  int bulkRows() const;
  size_t rowsFed() const;
  void runRows();
  void charge(std::span<const Fed> all, double seconds);
  void takeTokens();
  void countRows();
  void compressDue();
  void compress(std::span<Sequence* const> sequences, const std::vector<std::vector<float>>* scores = nullptr);
  void compressNow(Sequence& sequence);
  bool ask(Sequence& sequence);
  bool poseQuestion(Sequence& sequence);
  void settle(Sequence& sequence, const std::vector<std::vector<float>>& scores);
  void acceptTokens(std::span<const Fed> all);
  void acceptSampled(const Fed& fed);
  bool goApart();
  bool goesOn(Fed& fed, const LanePass& pass);
  std::unique_ptr<Sequence> remove(size_t place);
  void endSequence(const Sequence& sequence);
  void endSequence(size_t place, Finish how);
  bool endFailed();
  void endUnstarted(Run& run);
  void endRun(Run& run, const std::string& code, const std::string& message);
  void failAll(const std::string& code, const std::string& message);
  void abortAll();
  void computeLogits(const std::vector<int32_t>& ids, const LogitsDone& done);

  std::unique_ptr<Backend> backend_;
  const int prefillRows_;

  // The engine thread's own.
  std::vector<std::unique_ptr<Run>> runs_;
  std::vector<std::unique_ptr<Sequence>> sequences_;  // in the order of admission
  bool crowded_ = false;  // a sequence was parked: none is admitted before another has ended
  int64_t steps_ = 0;
  std::vector<Sequence*> resting_;  // in this step, those that have rested longest first
  std::vector<Fed> fed_;            // by this step
  std::vector<Fed> unread_;         // by the last one, if what it drew was not taken yet
  int turn_ = 0, unreadTurn_ = 0;   // Backend::run's, of the last step and of unread_
  uint64_t lastQuestion_ = 0;

  std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<Command> inbox_;
  std::atomic<bool> called_ = false;  // since the inbox was emptied last
  bool closing_ = false;
  std::thread thread_;
};

}  // namespace pathpress
