#include "weights.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <new>
#include <numeric>
#include <system_error>
#include <thread>

#include "errors.h"

namespace pathpress {
namespace {

DType parseType(const std::string& name, bool& known) {
  known = name == "F32" || name == "F16" || name == "BF16" || name == "I8";
  return name == "F16" ? DType::f16 : name == "BF16" ? DType::bf16 : name == "I8" ? DType::i8 : DType::f32;
}

template <class Bits>
bool allFinite(const std::byte* from, size_t count, Bits exponent) {
  constexpr size_t stride = 4096 / sizeof(Bits);
  Bits chunk[stride];
  for (size_t at = 0; at < count; at += stride) {
    const size_t n = std::min(stride, count - at);
    std::memcpy(chunk, from + at * sizeof(Bits), n * sizeof(Bits));
    bool found = false;
    for (size_t i = 0; i < n; ++i) found |= (chunk[i] & exponent) == exponent;
    if (found) return false;
  }
  return true;
}

bool allFinite(const std::byte* from, size_t count, DType type) {
  switch (type) {
    case DType::f32: return allFinite<uint32_t>(from, count, 0x7F800000u);
    case DType::f16: return allFinite<uint16_t>(from, count, 0x7C00u);
    case DType::bf16: return allFinite<uint16_t>(from, count, 0x7F80u);
    case DType::i8: break;  // always numbers
  }
  return true;
}

// Calls run(begin, end) for shares of [0, count), each on a thread of its own where it is worth one.
template <class Run>
void shareOut(size_t count, size_t worthAThread, int threads, const Run& run) {
  const auto most = static_cast<size_t>(std::max(1, threads));
  const size_t parts = std::clamp<size_t>(count / std::max<size_t>(1, worthAThread), 1, most);
  const size_t share = (count + parts - 1) / parts;
  std::vector<std::jthread> workers;
  const auto part = [&](size_t index) { run(std::min(count, index * share), std::min(count, (index + 1) * share)); };
  try {
    for (size_t index = 1; index < parts; ++index) workers.emplace_back(part, index);
  } catch (const std::system_error&) {  // no thread left: the rest is done here
    for (size_t index = workers.size() + 1; index < parts; ++index) part(index);
  }
  part(0);
}

constexpr size_t elementsAThread = size_t{1} << 20;
constexpr size_t line = 64;

size_t wholeLines(size_t bytes) { return (bytes + line - 1) / line * line; }

// What packing may add to a tensor: rows and a column, of each of the few matrices that it may hold.
size_t padding(const TensorEntry& entry) {
  constexpr uint64_t matrices = 3;
  if (entry.shape.size() != 2 || entry.bytes == 0) return 0;
  const size_t row = entry.bytes / entry.shape[0], element = std::max<size_t>(1, row / entry.shape[1]);
  return matrices * (panelRows * (row + element) + line) + entry.shape[0] * element;
}

}  // namespace

Weights::Weights(const std::vector<std::string>& paths, size_t room) : paths_(paths) {
  files_.reserve(paths_.size());
  for (const std::string& path : paths_) {
    const MappedFile& file = files_.emplace_back(path);
    for (TensorEntry& entry : readSafetensors(file.data(), file.size(), path)) {
      const std::byte* data = file.data() + entry.begin;
      const std::string name = entry.name;
      const auto [at, added] = tensors_.try_emplace(name, Located{std::move(entry), data, &path});
      if (!added) throw EngineError("BAD_TENSOR", path + ": tensor \"" + name + "\" is also in " + *at->second.path);
    }
  }
  size_t bytes = 0;
  for (const auto& [name, tensor] : tensors_) bytes += wholeLines(tensor.entry.bytes) + padding(tensor.entry);
  if (bytes == 0 || bytes > room) return;
  try {
    memory_ = std::make_unique<HugeBuffer>(bytes);
    left_ = {memory_->data(), bytes};
  } catch (const std::bad_alloc&) {  // they stay where they are
  }
}

void Weights::closeFiles() {
  if (!copied()) return;
  tensors_.clear();
  files_.clear();
}

void Weights::release() {
  tensors_.clear();
  files_.clear();
  copies_.clear();
  scales_.clear();
  left_ = {};
  memory_.reset();
}

bool Weights::differ(const std::string& one, const std::string& other) const {
  const auto a = tensors_.find(one), b = tensors_.find(other);
  if (a == tensors_.end() || b == tensors_.end()) return false;
  const TensorEntry &x = a->second.entry, &y = b->second.entry;
  if (x.dtype != y.dtype || x.shape != y.shape || x.bytes != y.bytes) return true;
  return x.bytes > 0 && std::memcmp(a->second.data, b->second.data, x.bytes) != 0;
}

const Weights::Located& Weights::find(const std::string& name, const std::vector<uint64_t>& shape) const {
  const auto at = tensors_.find(name);
  if (at == tensors_.end()) {
    const std::string where = paths_.size() == 1 ? paths_[0] : std::to_string(paths_.size()) + " weight files";
    throw EngineError("BAD_TENSOR", where + ": no tensor \"" + name + "\"");
  }
  const Located& tensor = at->second;
  if (tensor.entry.shape != shape) {
    throw EngineError("BAD_TENSOR", *tensor.path + ": tensor \"" + name + "\" has shape " +
                                        shapeText(tensor.entry.shape) + ", config.json asks for " + shapeText(shape));
  }
  return tensor;
}

DType Weights::typeOf(const Located& tensor) {
  bool known = false;
  const DType type = parseType(tensor.entry.dtype, known);
  if (!known) throw EngineError("BAD_TENSOR", nameOf(tensor) + " is " + tensor.entry.dtype + ", not F32, F16, BF16 or I8");
  return type;
}

std::string Weights::nameOf(const Located& tensor) { return *tensor.path + ": tensor \"" + tensor.entry.name + "\""; }

void Weights::check(const Located& tensor, DType type, int threads) {
  std::atomic<bool> finite = true;
  shareOut(tensor.entry.bytes / dtypeBytes(type), elementsAThread, threads, [&](size_t begin, size_t end) {
    if (!allFinite(tensor.data + begin * dtypeBytes(type), end - begin, type)) finite = false;
  });
  if (!finite) throw EngineError("BAD_WEIGHTS", nameOf(tensor) + " holds NaN or infinity");
  bytes_ += tensor.entry.bytes;
}

// There is room for every tensor once; one that is asked for again finds a place of its own.
std::byte* Weights::place(size_t bytes) {
  if (wholeLines(bytes) > left_.size()) return copies_.emplace_back(bytes).data();
  std::byte* const place = left_.data();
  left_ = left_.subspan(wholeLines(bytes));
  return place;
}

Matrix Weights::matrix(const std::string& name, int rows, int cols, int threads) {
  return matrices(name, {&rows, 1}, cols, threads)[0];
}

std::vector<Matrix> Weights::matrices(const std::string& name, std::span<const int> rows, int cols, int threads) {
  const int all = std::accumulate(rows.begin(), rows.end(), 0);
  const Located& tensor = find(name, {static_cast<uint64_t>(all), static_cast<uint64_t>(cols)});
  const DType type = typeOf(tensor);
  check(tensor, type, threads);
  Matrix whole{tensor.data, type, all, cols};
  if (type == DType::i8) whole.scales = scales_.emplace_back(vector(name + "_scale", all)).data();
  if (!memory_ && reinterpret_cast<uintptr_t>(tensor.data) % dtypeBytes(type) != 0) {
    std::byte* const copy = place(tensor.entry.bytes);
    std::memcpy(copy, tensor.data, tensor.entry.bytes);
    whole.data = copy;
  }
  std::vector<Matrix> parts;
  int begin = 0;
  for (const int count : rows) {
    Matrix& part = parts.emplace_back(whole.rowsFrom(begin, count));
    begin += count;
    if (!memory_) continue;
    std::byte* const to = place(packedBytes(type, count, cols));
    shareOut(panelsOf(count), elementsAThread / panelElements(type, cols), threads,
             [&](size_t first, size_t end) { packPanels(part, first, end, to); });
    part.data = to;
    part.packed = true;
  }
  return parts;
}

std::vector<float> Weights::vector(const std::string& name, int size) {
  const Located& tensor = find(name, {static_cast<uint64_t>(size)});
  const DType type = typeOf(tensor);
  check(tensor, type, 1);
  if (type == DType::i8) {
    throw EngineError("BAD_TENSOR", nameOf(tensor) + " is I8, which matrices of products alone may be");
  }
  std::vector<float> values(static_cast<size_t>(size));
  for (size_t i = 0; i < values.size(); ++i) values[i] = loadElement(tensor.data, type, i);
  return values;
}

}  // namespace pathpress
