// SPDX-License-Identifier: Apache-2.0
#include "apps/hrt-run/lib/benchmark.h"

#include <algorithm>
#include <atomic>
#include <barrier>
#include <chrono>
#include <exception>
#include <memory>
#include <mutex>
#include <thread>

namespace hrt {
namespace {

struct Sample {
  uint64_t begin;
  uint64_t end;
};

// Sleeping ends late by a scheduler's whim: the last stretch is spent looking at the clock.
void wait_until(uint64_t when) {
  constexpr uint64_t kSpin = 100'000;
  const uint64_t now = now_ns();
  if (when > now + kSpin) std::this_thread::sleep_for(std::chrono::nanoseconds(when - now - kSpin));
  while (now_ns() < when) {
  }
}

class Benchmark {
 public:
  Benchmark(Session& session, std::span<const ValuePtr> inputs, const BenchmarkOptions& options)
      : options_(options), start_line_(ptrdiff_t(options.streams), Start{start_}), samples_(options.streams) {
    for (unsigned i = 0; i < options.streams; ++i) requests_.push_back(make_request(session, inputs));
  }

  BenchmarkResult run() {
    BenchmarkResult result;
    const uint64_t begin = now_ns();
    requests_[0]->run();
    result.first_run_ns = now_ns() - begin;

    {
      std::vector<std::jthread> others;
      for (unsigned i = 1; i < options_.streams; ++i) {
        try {
          others.emplace_back([this, i] { guarded_stream(i); });
        } catch (...) {
          give_up(false);
        }
      }
      guarded_stream(0);
    }
    if (error_) std::rethrow_exception(error_);
    collect(result);
    return result;
  }

 private:
  void guarded_stream(unsigned i) {
    bool arrived = false;
    try {
      warm_up(*requests_[i]);
      arrived = true;
      start_line_.arrive_and_wait();
      stream(i);
    } catch (...) {
      give_up(arrived);
    }
  }

  // In a handler: ends all streams; the others do not wait for one that will not arrive at the start line.
  void give_up(bool arrived) {
    const std::lock_guard lock(mutex_);
    if (!error_) error_ = std::current_exception();
    stop_ = true;
    if (!arrived) start_line_.arrive_and_drop();
  }

  void warm_up(Request& request) {
    const uint64_t begin = now_ns();
    for (uint64_t runs = 0; !stop_ && (runs < options_.warmup_runs || now_ns() - begin < options_.warmup_ns);
         ++runs)
      request.run();
  }

  // Whether run number n, due at this time, is still part of it.
  bool wanted(uint64_t n, uint64_t due, uint64_t start) const {
    if (stop_) return false;
    if (options_.iterations > 0) return n < options_.iterations;
    return n == 0 || due - start < options_.duration_ns;
  }

  void stream(unsigned i) {
    const uint64_t start = start_;
    samples_[i].reserve(std::max<uint64_t>(options_.iterations, 1u << 16));
    for (;;) {
      const uint64_t n = options_.even ? i + options_.streams * samples_[i].size() : next_++;
      const uint64_t due = options_.rate > 0 ? start + uint64_t(double(n) * 1e9 / options_.rate) : now_ns();
      if (!wanted(n, due, start)) return;
      if (options_.rate > 0) wait_until(due);
      const uint64_t begin = options_.rate > 0 ? due : now_ns();
      requests_[i]->run({.deadline = {}, .trace = options_.trace});
      samples_[i].push_back({begin, now_ns()});
      if (i == 0)
        options_.progress(options_.iterations > 0 ? double(n + 1) / double(options_.iterations)
                                                  : double(now_ns() - start) / double(options_.duration_ns));
    }
  }

  void collect(BenchmarkResult& result) const {
    std::vector<Sample> all;
    for (const auto& samples : samples_) all.insert(all.end(), samples.begin(), samples.end());
    std::sort(all.begin(), all.end(), [](const Sample& a, const Sample& b) { return a.begin < b.begin; });
    uint64_t end = 0;
    for (const Sample& sample : all) {
      result.samples_ns.push_back(sample.end - sample.begin);
      end = std::max(end, sample.end);
    }
    if (!all.empty()) result.wall_ns = end - all.front().begin;
  }

  struct Start {  // what the last stream to arrive at the start line does
    uint64_t& time;
    void operator()() noexcept { time = now_ns(); }
  };

  const BenchmarkOptions& options_;
  uint64_t start_ = 0;
  std::barrier<Start> start_line_;
  std::vector<std::unique_ptr<Request>> requests_;
  std::vector<std::vector<Sample>> samples_;
  std::atomic<uint64_t> next_{0};
  std::atomic<bool> stop_{false};
  std::mutex mutex_;
  std::exception_ptr error_;
};

}  // namespace

std::unique_ptr<Request> make_request(Session& session, std::span<const ValuePtr> inputs) {
  auto request = session.make_request();
  for (size_t i = 0; i < inputs.size(); ++i) request->set_input(i, inputs[i]);
  return request;
}

BenchmarkResult benchmark(Session& session, std::span<const ValuePtr> inputs,
                          const BenchmarkOptions& options) {
  return Benchmark(session, inputs, options).run();
}

}  // namespace hrt
