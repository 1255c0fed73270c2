#include "products.h"

#include <algorithm>

#include "../engine/errors.h"

namespace pathpress {
namespace {

constexpr size_t smallProduct = 1 << 17;  // multiplications below which waking a thread costs more than it brings
constexpr int tasksAThread = 16;          // so that a thread that was held up is not waited for by the others

// How a job's rows are shared out: a task has so many of one product, of a gated job of each.
class Tasks {
 public:
  Tasks(const ProductJob& job, int threads) : job_(job) {
    int rows = 0;
    for (const Product& product : job.products) rows += product.linear->weight.rows;
    // More of them are fetched ahead without a gap; results do not depend on it.
    const int each = job.gated ? 2 : 1, share = (rows + tasksAThread * threads - 1) / (tasksAThread * threads) / each;
    rows_ = std::clamp((share + panelRows - 1) / panelRows * panelRows, panelRows, 8 / each * panelRows);
  }

  int count() const {
    int tasks = 0;
    for (const Product& product : parted()) tasks += of(product);
    return tasks;
  }
  struct Part {
    const Product* product;
    int begin, end;
  };
  Part part(int task) const {
    const Product* product = job_.products.data();
    for (int own; task >= (own = of(*product)); ++product) task -= own;
    return {product, task * rows_, std::min(product->linear->weight.rows, (task + 1) * rows_)};
  }
  // Where its weights begin; null where they do not lie as they are read.
  const std::byte* weights(int task) const {
    const auto [product, begin, end] = part(task);
    return weightsOf(*product, begin);
  }
  static const std::byte* weightsOf(const Product& product, int begin) {
    const Matrix& weight = product.linear->weight;
    return weight.packed ? static_cast<const std::byte*>(weight.rowsFrom(begin, 1).data) : nullptr;
  }

 private:
  std::span<const Product> parted() const { return job_.products.first(job_.gated ? 1 : job_.products.size()); }
  int of(const Product& product) const { return (product.linear->weight.rows + rows_ - 1) / rows_; }

  const ProductJob& job_;
  int rows_;
};

void addBias(const Product& product, int begin, int end, size_t rows) {
  const std::vector<float>& bias = product.linear->bias;
  if (bias.empty()) return;
  for (size_t r = 0; r < rows; ++r) {
    float* out = product.out + r * rowStride<float>(static_cast<size_t>(product.linear->weight.rows));
    for (int i = begin; i < end; ++i) out[i] += bias[static_cast<size_t>(i)];
  }
}

}  // namespace

ProductInput productInputOf(const std::string& name) {
  if (name.empty() || name == "float32") return ProductInput::float32;
  if (name == "bf16") return ProductInput::bf16;
  throw EngineError("BAD_OPTION", "products \"" + name + "\" is not float32 or bf16");
}

// Whether the processor multiplies its input as bfloat16.
bool Products::halved(const Product& product) const {
  return seen_ == ProductInput::bf16 && kernels_.bf16 && product.linear->weight.type == DType::bf16;
}

Products::Seen Products::seenOf(const ProductJob& job) const {
  if (seen_ == ProductInput::float32) return {false, false};
  const auto own = [this](const Product& product) { return halved(product); };
  return {!std::ranges::all_of(job.products, own), std::ranges::any_of(job.products, own)};
}

Products::Seen Products::makeRoom(Rounded& to, const ProductJob& job, size_t rows) const {
  const Seen seen = seenOf(job);
  const size_t floats = rows * rowStride<float>(colsOf(job)), halves = rows * rowStride<uint16_t>(colsOf(job));
  if (seen.floats && to.floats.size() < floats) to.floats.resize(floats);
  if (seen.halves && to.halves.size() < halves) to.halves.resize(halves);
  return seen;
}

// Elements [begin, end) of a row of so many.
void Products::round(Rounded& to, Seen seen, const float* from, size_t row, size_t cols, size_t begin, size_t end) const {
  if (seen.halves) kernels_.bf16->round(from + begin, end - begin, to.halves.data() + row * rowStride<uint16_t>(cols) + begin);
  if (!seen.floats) return;
  float* floats = to.floats.data() + row * rowStride<float>(cols);
  for (size_t i = begin; i < end; ++i) floats[i] = roundTo(from[i], DType::bf16);
}

void Products::runTask(const Product& product, int begin, int end, const Input& input, size_t rows, const std::byte* next) const {
  const Matrix& weight = product.linear->weight;
  const auto cols = static_cast<size_t>(weight.cols), stride = rowStride<float>(static_cast<size_t>(weight.rows));
  const int tokens = static_cast<int>(rows);
  if (halved(product)) {
    kernels_.bf16->matmul(weight, begin, end, input.halves, rowStride<uint16_t>(cols), tokens, product.out, stride, next);
  } else {
    kernels_.matmul(weight, begin, end, input.floats, rowStride<float>(cols), tokens, product.out, stride, next);
  }
  addBias(product, begin, end, rows);
}

void Products::gate(const ProductJob& job, int begin, int end, size_t rows, Seen seen) {
  const auto width = static_cast<size_t>(job.products[0].linear->weight.rows), from = static_cast<size_t>(begin);
  for (size_t row = 0; row < rows; ++row) {
    const size_t at = row * rowStride<float>(width);
    float* const gate = job.products[0].out + at;
    kernels_.swiglu(gate + from, job.products[1].out + at + from, static_cast<size_t>(end - begin));
    round(gated_, seen, gate, row, width, from, static_cast<size_t>(end));
  }
}

void Products::multiply(const ProductJob& job, const Input& input, size_t rows, const ProductJob& next) {
  const int threads = threads_.threads();
  const Tasks tasks(job, threads), following(next, threads);
  const int count = tasks.count(), followingCount = following.count();
  const Seen seen = job.gated ? makeRoom(gated_, next, rows) : Seen{};
  size_t work = 0;
  for (const Product& product : job.products) {
    work += static_cast<size_t>(product.linear->weight.rows) * static_cast<size_t>(product.linear->weight.cols) * rows;
  }
  threads_.runTurns(count, work < smallProduct, [&](const ThreadPool::Turn& turn) {
    const std::byte* coming = nullptr;
    if (turn.more) coming = tasks.weights(turn.task + 1);
    else if (followingCount > 0) coming = following.weights(ThreadPool::first(followingCount, turn.worker, threads));
    const auto [product, begin, end] = tasks.part(turn.task);
    if (!job.gated) return runTask(*product, begin, end, input, rows, coming);
    runTask(*product, begin, end, input, rows, Tasks::weightsOf(job.products[1], begin));
    runTask(job.products[1], begin, end, input, rows, coming);
    gate(job, begin, end, rows, seen);
  });
}

}  // namespace pathpress
