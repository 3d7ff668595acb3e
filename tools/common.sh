# SPDX-License-Identifier: Apache-2.0
# What the developer scripts share; sourced, never run. Leaves the caller in the repository root.

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

timings=()

# step NAME COMMAND...: announces the command, runs it, and remembers how long it took.
step() {
  local name=$1 begin=$SECONDS
  shift
  printf '\n== %s\n' "$name"
  "$@"
  timings+=("$(printf '%5d s  %s' $((SECONDS - begin)) "$name")")
}

print_timings() {
  printf '\n== times\n'
  printf '%s\n' "${timings[@]}"
}

# build PRESET [CMake options...]
build() {
  local preset=$1 log=build/configure-$1.log
  shift
  mkdir -p build
  cmake --preset "$preset" "$@" >"$log" 2>&1 || {
    cat "$log"
    return 1
  }
  cmake --build --preset "$preset"
}

# The project's own C and C++ sources: tracked ones, and new ones that git does not ignore.
cxx_sources() {
  git ls-files --cached --others --exclude-standard -- '*.h' '*.hpp' '*.c' '*.cpp' \
    ':!backends/gpu_common/kernels' | sort -u | # those are no C++
    while read -r file; do [ ! -e "$file" ] || echo "$file"; done
}
