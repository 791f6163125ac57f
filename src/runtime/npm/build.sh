#!/bin/sh
# Makes the npm package: build.sh [FOLDER], by default target/npm. It takes the tools that setup.sh installs.
set -eu
root=$(cd "$(dirname "$0")/../../.." && pwd)
out=${1:-$root/target/npm}
target=${CARGO_TARGET_DIR:-$root/target}
cd "$root"

cargo build --quiet -p perforate-runtime --profile web --target wasm32-unknown-unknown --features relaxed
rm -rf "$out"
mkdir -p "$out"
wasm-bindgen --target web --out-dir "$out" "$target/wasm32-unknown-unknown/web/perforate_runtime.wasm"
# Similar functions side by side: an eighth smaller once it is compressed.
cargo run --quiet -p perforate-plain-simd -- --order "$out/perforate_runtime_bg.wasm" "$out/perforate_runtime_bg.wasm"
# The same module for browsers without relaxed SIMD.
cargo run --quiet -p perforate-plain-simd -- "$out/perforate_runtime_bg.wasm" "$out/perforate_runtime_plain_bg.wasm"
cp src/runtime/npm/*.js src/runtime/npm/index.d.ts src/runtime/npm/package.json src/runtime/npm/report.schema.json src/runtime/npm/README.md LICENSE-MIT LICENSE-APACHE "$out"
