#include "memory.h"

#include <cstring>

#include "block.h"

namespace pathpress::cuda::emulate {
namespace {

uint64_t siteKey(const Site& site) {
  return reinterpret_cast<uint64_t>(site.file_name()) ^ (uint64_t{site.line()} << 44) ^ (uint64_t{site.column()} << 56);
}

std::string place(const Span& span) {
  return span.allocation->name + ", bytes " + std::to_string(span.offset) + " to " +
         std::to_string(span.offset + span.bytes - 1) + " of " + std::to_string(span.allocation->bytes);
}

// In bounds and aligned, so that it can be done at all.
bool possible(const Span& span, const Site& site) {
  if (!span.allocation) {
    current().fault(Fault::bounds, site, "null pointer");
    return false;
  }
  if (span.offset < 0 || static_cast<uint64_t>(span.offset) + span.bytes > span.allocation->bytes) {
    current().fault(Fault::bounds, site, place(span));
    return false;
  }
  if (span.offset % span.bytes != 0) {
    current().fault(Fault::misaligned, site, place(span));
    return false;
  }
  return true;
}

void log(const Span& span, bool store, const Site& site) {
  Launch& launch = current();
  const Allocation& allocation = *span.allocation;
  if (allocation.space == Space::shared) return;
  launch.log().add(launch.thread() % warpLanes,
                   {siteKey(site), &span.allocation->meter, static_cast<uint64_t>(span.offset), span.bytes, store});
}

void note(const Span& span, Use use, const Site& site) {
  Launch& launch = current();
  Allocation& allocation = *span.allocation;
  if (allocation.space == Space::input) {
    if (use != Use::read) launch.fault(Fault::readOnly, site, place(span));
    return;
  }
  const bool early = allocation.space == Space::global && launch.mayBeEarly();
  const uint64_t first = static_cast<uint64_t>(span.offset) / allocation.cellBytes;
  const uint64_t last = (static_cast<uint64_t>(span.offset) + span.bytes - 1) / allocation.cellBytes;
  for (uint64_t c = first; c <= last; ++c) {
    Cell& cell = allocation.cells[c];
    if (use != Use::write && !cell.written) launch.fault(Fault::unwritten, site, place(span));
    if (early && (use != Use::read || launch.mayStillRun(cell.writtenIn))) launch.fault(Fault::early, site, place(span));
    const bool fine = cell.note(use, launch.party(), launch.generation(allocation.space));
    if (!fine) launch.fault(Fault::race, site, place(span));
  }
}

void setWritten(const Span& span, bool written) {
  Allocation& allocation = *span.allocation;
  for (uint64_t at = 0; at < span.bytes; at += allocation.cellBytes) {
    allocation.cells[(static_cast<uint64_t>(span.offset) + at) / allocation.cellBytes].written = written;
  }
}

}  // namespace

Allocation::Allocation(std::string allocationName, Space where, uint32_t elementBytes, uint64_t count)
    : name(std::move(allocationName)), space(where), cellBytes(elementBytes), bytes(count * elementBytes) {
  storage.assign((bytes + 7) / 8, ~uint64_t{0});
  if (space != Space::input) cells.resize(count);
  if (space != Space::shared) meter.lastLaunch.assign(bytes / sectorBytes + 1, 0);
}

void Allocation::forget() {
  storage.assign(storage.size(), ~uint64_t{0});
  cells.assign(cells.size(), Cell());
}

void read(const Span& from, void* to, const Site& site) {
  if (!possible(from, site)) {
    std::memset(to, 0xFF, from.bytes);
    return;
  }
  log(from, false, site);
  note(from, Use::read, site);
  std::memcpy(to, from.allocation->data() + from.offset, from.bytes);
}

void write(const Span& to, const void* from, const Site& site) {
  if (!possible(to, site)) return;
  log(to, true, site);
  note(to, Use::write, site);
  if (to.allocation->space != Space::input) std::memcpy(to.allocation->data() + to.offset, from, to.bytes);
}

unsigned char* atomicAccess(const Span& at, const Site& site) {
  if (!possible(at, site)) return nullptr;
  log(at, true, site);
  note(at, Use::atomic, site);
  return at.allocation->space == Space::input ? nullptr : at.allocation->data() + at.offset;
}

void skip(const Span& at, bool store, const Site& site) {
  if (at.allocation && at.allocation->space == Space::shared) return;
  Launch& launch = current();
  launch.log().add(launch.thread() % warpLanes, {siteKey(site), nullptr, 0, at.bytes, store});
}

void copyLater(const Span& to, const Span& from, const Site& site) {
  std::vector<unsigned char> data(from.bytes);
  read(from, data.data(), site);
  const std::vector<unsigned char> poison(to.bytes, 0xFF);
  if (!possible(to, site)) return;
  write(to, poison.data(), site);
  setWritten(to, false);
  current().self().open.push_back({to, std::move(data), site});
}

void closeGroup() {
  Thread& self = current().self();
  self.groups.push_back(std::move(self.open));
  self.open.clear();
}

void awaitGroups(size_t left) {
  Thread& self = current().self();
  while (self.groups.size() > left) {
    for (const PendingCopy& copy : self.groups.front()) write(copy.to, copy.data.data(), copy.site);
    self.groups.erase(self.groups.begin());
  }
}

}  // namespace pathpress::cuda::emulate
