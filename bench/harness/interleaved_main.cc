// SPDX-License-Identifier: Apache-2.0
#include <benchmark/benchmark.h>

#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "bench/harness/bystander.h"
#include "bench/harness/interleaved.h"
#include "bench/harness/json.h"
#include "bench/harness/machine.h"
#include "bench/harness/stats.h"

namespace syncxx_bench {
namespace {

double seconds_per_run = 0;

struct series {
  std::string scenario;
  std::string competitor;
  std::vector<double> real_ns;
  std::vector<double> cpu_ns;
  std::map<std::string, std::vector<double>> counters;
};

// Keeps what Google Benchmark measured, and shows nothing but progress.
class collector : public benchmark::BenchmarkReporter {
 public:
  bool ReportContext(const Context&) override { return true; }

  void ReportRuns(const std::vector<Run>& runs) override {
    for (const Run& run : runs) {
      if (run.run_type != Run::RT_Iteration) continue;
      series& s = find(run.run_name.function_name);
      if (run.error_occurred) {
        std::fprintf(stderr, "%s: %s\n", run.run_name.function_name.c_str(),
                     run.error_message.c_str());
        failed_ = true;
        continue;
      }
      const auto n = static_cast<double>(run.iterations);
      s.real_ns.push_back(run.real_accumulated_time * 1e9 / n);
      s.cpu_ns.push_back(run.cpu_accumulated_time * 1e9 / n);
      for (const auto& [name, counter] : run.counters) {
        s.counters[name].push_back(counter.value);
      }
    }
  }

  const std::vector<series>& all() const { return all_; }
  bool failed() const { return failed_; }

 private:
  series& find(const std::string& name) {
    const std::size_t slash = name.find('/');
    const std::string scenario = name.substr(0, slash);
    const std::string competitor =
        slash == std::string::npos ? "" : name.substr(slash + 1);
    for (series& s : all_) {
      if (s.scenario == scenario && s.competitor == competitor) return s;
    }
    all_.push_back({scenario, competitor, {}, {}, {}});
    return all_.back();
  }

  std::vector<series> all_;
  bool failed_ = false;
};

void write(std::FILE* file, const char* program, int rounds,
           const std::vector<series>& all) {
  json_writer out(file);
  out.begin_object();
  out.field("program", program);
  out.field("schema", 1);
  out.key("machine");
  write_machine(out);
  out.key("libraries");
  write_libraries(out);
  out.field("rounds", rounds);
  out.key("results");
  out.begin_array();
  for (const series& s : all) {
    out.begin_object();
    out.field("scenario", s.scenario);
    out.field("competitor", s.competitor);
    out.field("real_ns", quantile(s.real_ns, 0.5));
    out.field("cpu_ns", quantile(s.cpu_ns, 0.5));
    out.field("real_ns_rounds", s.real_ns);
    out.field("cpu_ns_rounds", s.cpu_ns);
    for (const auto& [name, values] : s.counters) out.field(name, values);
    out.end_object();
  }
  out.end_array();
  out.end_object();
}

// Takes --name=value out of the arguments; Google Benchmark gets the rest.
std::string take(int& argc, char** argv, std::string_view name) {
  std::string value;
  int kept = 1;
  for (int i = 1; i < argc; ++i) {
    const std::string_view arg = argv[i];
    if (arg.substr(0, name.size()) == name) {
      value = arg.substr(name.size());
    } else {
      argv[kept++] = argv[i];
    }
  }
  argc = kept;
  return value;
}

int run(int argc, char** argv) {
  const std::string program =
      std::string_view(argv[0])
          .substr(std::string_view(argv[0]).find_last_of('/') + 1)
          .data();
  const int rounds = std::atoi(take(argc, argv, "--rounds=").c_str());
  const std::string path = take(argc, argv, "--json=");
  const std::string seconds = take(argc, argv, "--seconds=");
  if (rounds > 0) seconds_per_run = 0.02;
  if (!seconds.empty()) seconds_per_run = std::atof(seconds.c_str());
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;

  const bystander second_thread;
  register_benchmarks();
  if (rounds <= 0) {
    benchmark::RunSpecifiedBenchmarks();
    return 0;
  }
  collector results;
  for (int i = 0; i < rounds; ++i) {
    std::fprintf(stderr, "%s: round %d of %d\n", program.c_str(), i + 1,
                 rounds);
    benchmark::RunSpecifiedBenchmarks(&results);
  }
  std::FILE* file = path.empty() ? stdout : std::fopen(path.c_str(), "w");
  if (file == nullptr) {
    std::perror(path.c_str());
    return 1;
  }
  write(file, program.c_str(), rounds, results.all());
  if (std::fclose(file) != 0) return 1;
  return results.failed() || results.all().empty() ? 1 : 0;
}

}  // namespace

double run_seconds() { return seconds_per_run; }

}  // namespace syncxx_bench

int main(int argc, char** argv) { return syncxx_bench::run(argc, argv); }
