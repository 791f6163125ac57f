#!/usr/bin/env bash
# Installs what Perforate needs and this machine lacks, and says what it does.
# A second run finds everything in place and changes nothing.
#
#   ./setup.sh
#
# What it looks after, in this order:
#   a C linker · Rust (>= 1.91) · the standard library for wasm32-unknown-unknown ·
#   wasm-bindgen-cli, of exactly the version in Cargo.lock · trunk ·
#   Chromium and ChromeDriver, which only the page's tests need · ONNX Runtime for Python and for JavaScript, which
#   only the tests of routed files need; these go into $XDG_CACHE_HOME/perforate, or ~/.cache/perforate
#
# Environment:
#   PERFORATE_WASM_TARGET=rustup|debian   where the wasm32 standard library comes from. Unset: rustup
#                           first, Debian's rustc-web packages where rustup cannot serve it.
#   PERFORATE_BROWSER=no    leave the browser alone (running the page needs neither it nor its driver)
#   PERFORATE_PEERS=no      leave ONNX Runtime and TypeScript alone; set it for the tests too, which then leave those out
#   CHROME, CHROMEDRIVER    a browser and a driver to use, instead of those on the path
#   CARGO_HOME              as for cargo; its bin folder is where the two tools go
#
# Works as root or with sudo. Only Debian and Ubuntu packages are installed by themselves; on any other
# system a missing package is named, for you to install.

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

readonly RUST_MINIMUM=1.91
readonly TRUNK_VERSION=0.21.14
readonly TARGET=wasm32-unknown-unknown
readonly DEBIAN_TOOLCHAIN=debian
readonly TOOLS_BIN="${CARGO_HOME:-$HOME/.cargo}/bin"

# A fresh rustup or cargo install is not on the path of the shell that started us.
original_path=$PATH
export PATH="$PATH:$TOOLS_BIN"

summary=()
remarks=()
changed=0
apt_lists_fresh=no

# ---- saying and timing ------------------------------------------------------------------------

say() { printf '    %s\n' "$*"; }
remark() { remarks+=("$*"); }
die() {
    printf '\nsetup.sh: %s\n' "$*" >&2
    exit 1
}

now_us() { echo "${EPOCHREALTIME//[!0-9]/}"; }

# Runs one step, which leaves in $found what it found or made.
step() {
    local title=$1 began took
    shift
    printf '==> %s\n' "$title"
    began=$(now_us)
    found=
    "$@"
    took=$(($(now_us) - began))
    say "$found"
    summary+=("$(printf '%-28s %7d.%01d s   %s' "$title" $((took / 1000000)) $((took / 100000 % 10)) "$found")")
}

have() { command -v "$1" >/dev/null 2>&1; }

# version_at_least 1.96.0 1.91
version_at_least() { [ "$(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n 1)" = "$2" ]; }

first_number() { grep -oE '[0-9]+(\.[0-9]+)+' | head -n 1; }

# ---- packages of the system -------------------------------------------------------------------

as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif have sudo; then
        sudo "$@"
    else
        die "this needs root and there is no sudo here: $*"
    fi
}

has_apt() { have apt-get; }

apt_refresh() {
    if [ "$apt_lists_fresh" = no ]; then
        say "apt-get update"
        as_root apt-get update -qq || die "apt-get update failed: see its message above"
        apt_lists_fresh=yes
    fi
}

# The version that apt would install, or nothing.
apt_candidate() {
    local version
    version=$(apt-cache policy "$1" 2>/dev/null | awk '/Candidate:/ { print $2 }')
    [ "$version" = "(none)" ] || echo "$version"
}

apt_install() {
    has_apt || die "install these with your system's package manager, then run ./setup.sh again: $*"
    apt_refresh
    say "apt-get install $*"
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null ||
        die "apt-get could not install: $*"
    changed=1
}

# ---- a C linker -------------------------------------------------------------------------------

c_linker() {
    # cargo calls `cc`, and crates.io speaks TLS.
    local missing=()
    have cc || missing+=(gcc libc6-dev)
    [ -e /etc/ssl/certs/ca-certificates.crt ] || ! has_apt || missing+=(ca-certificates)
    [ ${#missing[@]} = 0 ] || apt_install "${missing[@]}"
    found="cc is $(command -v cc)"
}

# ---- Rust -------------------------------------------------------------------------------------

rust_version() { rustc --version 2>/dev/null | first_number; }

rust_is_usable() {
    local version
    have cargo && version=$(rust_version) && [ -n "$version" ] && version_at_least "$version" "$RUST_MINIMUM"
}

rust() {
    if ! rust_is_usable && ! have rustup && has_apt; then
        apt_refresh
        [ -z "$(apt_candidate rustup)" ] || apt_install rustup
    fi
    if ! rust_is_usable && have rustup; then
        say "rustup: the stable toolchain"
        if rustup toolchain install stable --profile default --no-self-update >&2; then
            rustup default >/dev/null 2>&1 || rustup default stable
            changed=1
        else
            say "rustup could not download a toolchain; trying Debian's packages"
        fi
    fi
    rust_is_usable || debian_rust
    rust_is_usable ||
        die "Rust >= $RUST_MINIMUM is needed, and what this checkout uses is '$(rust_version || true)'. Install it from https://rustup.rs and run ./setup.sh again."
    found="rustc $(rust_version) (at least $RUST_MINIMUM is needed)"
}

# Debian keeps a recent compiler, built for its browsers' security updates, beside the release's own.
debian_rust() {
    local candidate
    has_apt || return 0
    apt_refresh
    candidate=$(apt_candidate rustc-web)
    if [ -z "$candidate" ] || ! version_at_least "$candidate" "$RUST_MINIMUM"; then
        say "the package rustc-web is ${candidate:-not} offered here: no help"
        return 0
    fi
    if ! [ -x /usr/bin/cargo ] || ! debian_sysroot_is_recent; then
        apt_install rustc-web cargo-web
    fi
    # lints and format come in packages of their own; without them only .ci/run has less to do.
    [ -x /usr/bin/cargo-clippy ] || [ -z "$(apt_candidate rust-web-clippy)" ] || apt_install rust-web-clippy
    [ -x /usr/bin/rustfmt ] || [ -z "$(apt_candidate rustfmt-web)" ] || apt_install rustfmt-web
    if have rustup; then
        rustup toolchain link "$DEBIAN_TOOLCHAIN" "$(/usr/bin/rustc --print sysroot)"
        rustup override set "$DEBIAN_TOOLCHAIN" --path . >/dev/null 2>&1
        remark "This checkout now uses Debian's compiler. To undo: rustup override unset"
        changed=1
    fi
    hash -r
}

debian_sysroot_is_recent() {
    local version
    version=$(/usr/bin/rustc --version 2>/dev/null | first_number) && [ -n "$version" ] &&
        version_at_least "$version" "$RUST_MINIMUM"
}

# ---- the standard library for wasm32 ----------------------------------------------------------

wasm_library_in() {
    # wasm-ld is asked for under the name rust-lld, which rustup ships and Debian does not.
    compgen -G "$1/lib/rustlib/$TARGET/lib/libstd-*.rlib" >/dev/null &&
        compgen -G "$1/lib/rustlib/*/bin/rust-lld" >/dev/null
}

uses_debian() { [ "$(rustc --print sysroot)" = "$(/usr/bin/rustc --print sysroot 2>/dev/null)" ]; }

wasm_target() {
    local wanted=${PERFORATE_WASM_TARGET:-any}
    case $wanted in any | rustup | debian) ;; *) die "PERFORATE_WASM_TARGET is '$wanted', but can only be rustup or debian" ;; esac

    if [ "$wanted" != debian ] && wasm_library_in "$(rustc --print sysroot)"; then
        :
    elif [ "$wanted" != debian ] && have rustup && ! uses_debian && rustup_target; then
        :
    elif [ "$wanted" = rustup ]; then
        die "rustup could not add $TARGET (PERFORATE_WASM_TARGET=rustup allows nothing else)"
    else
        debian_wasm_target
    fi
    wasm_library_in "$(rustc --print sysroot)" || die "$TARGET is still missing from $(rustc --print sysroot)"
    found="$TARGET, for rustc $(rust_version)$(! uses_debian || echo " (Debian's)")"
}

rustup_target() {
    say "rustup target add $TARGET"
    if rustup target add "$TARGET" >&2; then
        changed=1
    else
        say "rustup could not serve $TARGET; building it from Debian's packages instead"
        return 1
    fi
}

debian_wasm_target() {
    has_apt || die "no standard library for $TARGET: run 'rustup target add $TARGET', or install it with your system's package manager"
    if ! debian_sysroot_is_recent || ! uses_debian; then
        debian_rust
    fi
    debian_sysroot_is_recent || die "neither rustup nor Debian's packages have $TARGET for this machine: install Rust from https://rustup.rs, then run ./setup.sh again"

    local sysroot
    sysroot=$(/usr/bin/rustc --print sysroot)
    if wasm_library_in "$sysroot"; then
        return 0
    fi
    debian_linker "$sysroot"
    debian_std "$sysroot"
    changed=1
}

debian_linker() {
    local sysroot=$1 llvm host bin
    llvm=$(/usr/bin/rustc -vV | sed -n 's/^LLVM version: \([0-9]*\).*/\1/p')
    host=$(/usr/bin/rustc -vV | sed -n 's/^host: //p')
    have "lld-$llvm" || apt_install "lld-$llvm"
    bin=$sysroot/lib/rustlib/$host/bin
    say "link $bin/rust-lld to lld-$llvm"
    as_root mkdir -p "$bin"
    as_root ln -sfn "$(readlink -f "$(command -v "lld-$llvm")")" "$bin/rust-lld"
}

# Builds std once, from an empty crate, and puts its libraries where the compiler looks for them: from
# then on a plain `cargo build --target wasm32-unknown-unknown` works, for every project on the machine.
debian_std() (
    sysroot=$1
    if ! dpkg -s rustc-web >/dev/null 2>&1 && [ -n "$(apt_candidate libstd-rust-dev-wasm32)" ]; then
        # The release's own compiler, where that is recent enough, has the library as a package.
        apt_install libstd-rust-dev-wasm32
        return 0
    fi
    [ -d "$sysroot/lib/rustlib/src/rust/library" ] || apt_install rust-web-src
    say "building the standard library for $TARGET (about a minute)"
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    mkdir "$work/src"
    printf '[package]\nname = "empty_crate"\nversion = "0.0.0"\nedition = "2024"\n' >"$work/Cargo.toml"
    : >"$work/src/lib.rs"
    cd "$work"
    # RUSTFLAGS of the caller must not colour a library that every later build shares.
    env -u RUSTFLAGS -u CARGO_TARGET_DIR -u RUSTUP_TOOLCHAIN RUSTC=/usr/bin/rustc RUSTC_BOOTSTRAP=1 \
        /usr/bin/cargo build --quiet --release --target "$TARGET" -Z build-std=std,panic_abort >&2 ||
        die "the standard library for $TARGET did not build: see the message above"
    into=$sysroot/lib/rustlib/$TARGET/lib
    say "copying it to $into"
    as_root mkdir -p "$into"
    for library in target/"$TARGET"/release/deps/*.rlib; do
        case $library in */libempty_crate-*) ;; *) as_root install -m 644 "$library" "$into/" ;; esac
    done
)

# ---- wasm-bindgen-cli and trunk ---------------------------------------------------------------

# The locked dependencies are those that the tool was released with; a registry that lacks one of them
# refuses at once, and then the newest compatible ones serve.
cargo_install() {
    local crate=$1 version=$2 minutes=$3
    say "cargo install $crate $version (about $minutes minutes on two cores)"
    cargo install --quiet --force "$crate" --version "$version" --locked ||
        { say "without --locked, then" && cargo install --quiet --force "$crate" --version "$version"; } ||
        die "cargo could not install $crate $version: see its message above"
    changed=1
    hash -r
}

locked_version() { awk -v name="\"$1\"" '$1 == "name" && $3 == name { getline; gsub(/"/, "", $3); print $3 }' Cargo.lock; }

wasm_bindgen() {
    # The two sides of wasm-bindgen speak a private format: only the very same version will do.
    local wanted
    wanted=$(locked_version wasm-bindgen)
    [ -n "$wanted" ] || die "Cargo.lock names no version of wasm-bindgen"
    [ "$(wasm-bindgen --version 2>/dev/null | first_number)" = "$wanted" ] || cargo_install wasm-bindgen-cli "$wanted" 4
    [ "$(wasm-bindgen --version | first_number)" = "$wanted" ] ||
        die "$(command -v wasm-bindgen) is $(wasm-bindgen --version), not $wanted, and comes before $TOOLS_BIN in your PATH"
    put_on_path wasm-bindgen
    found="wasm-bindgen $wanted, as in Cargo.lock"
}

trunk_tool() {
    local version
    version=$(trunk --version 2>/dev/null | first_number || true)
    if [ -z "$version" ] || ! version_at_least "$version" "$TRUNK_VERSION"; then
        cargo_install trunk "$TRUNK_VERSION" 10
        version=$(trunk --version | first_number)
    fi
    [ "$version" = "$TRUNK_VERSION" ] || remark "trunk here is $version; the project is tested with $TRUNK_VERSION."
    put_on_path trunk
    found="trunk $version"
}

# `./setup.sh && trunk serve` must work in the shell that typed it, whose path may lack cargo's folder.
put_on_path() {
    case ":$original_path:" in *":$TOOLS_BIN:"*) return 0 ;; esac
    [ -x "$TOOLS_BIN/$1" ] || return 0
    if ! PATH=$original_path have "$1"; then
        say "link /usr/local/bin/$1 to $TOOLS_BIN/$1, which is not on your PATH"
        as_root ln -sfn "$TOOLS_BIN/$1" "/usr/local/bin/$1"
        changed=1
    fi
}

# ---- browser and driver -----------------------------------------------------------------------
# tests/support/browser.rs looks under the same names, in the same order.

first_of() {
    local name
    for name in "$@"; do
        if [ -n "$name" ] && have "$name"; then
            command -v "$name"
            return 0
        fi
    done
}

find_browser() { first_of "${CHROME:-}" chromium chromium-browser google-chrome google-chrome-stable; }
find_driver() { first_of "${CHROMEDRIVER:-}" chromedriver /usr/lib/chromium/chromedriver /usr/lib/chromium-browser/chromedriver; }
major_of() { "$1" --version 2>/dev/null | first_number | cut -d. -f1; }

is_ubuntu() { grep -qsE '^ID=("?)ubuntu\1$' /etc/os-release; }

browser() {
    if [ "${PERFORATE_BROWSER:-}" = no ]; then
        found="left alone (PERFORATE_BROWSER=no): the page's tests will not run"
        return 0
    fi
    local browser driver
    browser=$(find_browser)
    driver=$(find_driver)
    if [ -z "$browser" ] || [ -z "$driver" ]; then
        if has_apt && ! is_ubuntu; then
            apt_install chromium chromium-driver
            hash -r
        else
            # Ubuntu's own package is a snap, whose sandbox cannot read a profile under /tmp.
            local lacking="browser"
            [ -z "$browser" ] || lacking="ChromeDriver"
            remark "No $lacking for the page's tests, and none that this script can install. Install Google Chrome (https://www.google.com/chrome) and the ChromeDriver of the same version (https://googlechromelabs.github.io/chrome-for-testing), put both on PATH or name them in CHROME and CHROMEDRIVER, and run ./setup.sh again. The page itself needs neither."
            found="missing: the page's tests will fail and say so"
            return 0
        fi
    fi
    browser=$(find_browser)
    driver=$(find_driver)
    if [ "$(major_of "$browser")" != "$(major_of "$driver")" ] && has_apt && ! is_ubuntu; then
        say "$browser and $driver differ in version: updating both"
        apt_install chromium chromium-driver
    fi
    if [ "$(major_of "$browser")" != "$(major_of "$driver")" ]; then
        remark "$browser is version $(major_of "$browser") and $driver is $(major_of "$driver"): the page's tests need the same major version of both."
    fi
    # The charts' labels are text, and text without a font is empty boxes.
    if have fc-list && [ -n "$(fc-list : family | head -n 1)" ]; then :; elif has_apt; then apt_install fontconfig fonts-dejavu-core; fi
    found="$browser $(major_of "$browser"), $driver $(major_of "$driver")"
}

# ---- a second browser ---------------------------------------------------------------------------

readonly GECKODRIVER_VERSION=0.37.1

# The tests that want it say so and pass where it is missing.
firefox() {
    if [ "${PERFORATE_BROWSER:-}" = no ]; then
        found="left alone (PERFORATE_BROWSER=no)"
        return 0
    fi
    if [ -z "$(first_of "${FIREFOX:-}" firefox-esr firefox)" ] && has_apt && ! is_ubuntu; then
        # Where that fails, the other browser is enough.
        (apt_install firefox-esr) && changed=1
        hash -r
    fi
    local browser driver
    browser=$(first_of "${FIREFOX:-}" firefox-esr firefox)
    if [ -z "$browser" ]; then
        found="missing: the page is tested in Chromium alone"
        return 0
    fi
    driver=$(first_of "${GECKODRIVER:-}" geckodriver "${CARGO_HOME:-$HOME/.cargo}/bin/geckodriver")
    if [ -z "$driver" ]; then
        say "geckodriver $GECKODRIVER_VERSION"
        cargo install --quiet --locked "geckodriver@$GECKODRIVER_VERSION" || {
            found="$browser without geckodriver: the page is tested in Chromium alone"
            return 0
        }
        changed=1
    fi
    found="$browser $(major_of "$browser"), geckodriver $GECKODRIVER_VERSION"
}

# ---- other engines, and the checker of the page's scripts ---------------------------------------
# tests/peers.rs and tests/javascript.rs look for them in the same folder.

readonly ONNXRUNTIME_VERSION=1.31.1
readonly ONNX_VERSION=1.23.2
readonly ONNXRUNTIME_WEB_VERSION=1.30.0
readonly TYPESCRIPT_VERSION=6.0.3

peers() {
    if [ "${PERFORATE_PEERS:-}" = no ]; then
        found="left alone (PERFORATE_PEERS=no): set it for the tests too"
        return 0
    fi
    local folder=${XDG_CACHE_HOME:-$HOME/.cache}/perforate/peers
    mkdir -p "$folder"
    if [ "$("$folder/python/bin/python" -c 'import onnx, onnxruntime; print(onnx.__version__, onnxruntime.__version__)' 2>/dev/null)" != "$ONNX_VERSION $ONNXRUNTIME_VERSION" ]; then
        python3 -c 'import ensurepip, venv' 2>/dev/null || apt_install python3 python3-venv
        say "onnx $ONNX_VERSION and onnxruntime $ONNXRUNTIME_VERSION for Python, in $folder"
        rm -rf "$folder/python"
        python3 -m venv "$folder/python" &&
            "$folder/python/bin/pip" install --quiet --disable-pip-version-check "onnx==$ONNX_VERSION" "onnxruntime==$ONNXRUNTIME_VERSION" ||
            die "pip could not install onnx $ONNX_VERSION and onnxruntime $ONNXRUNTIME_VERSION: see its message above"
        changed=1
    fi
    npm_package "$folder" onnxruntime-web "$ONNXRUNTIME_WEB_VERSION"
    npm_package "$folder" typescript "$TYPESCRIPT_VERSION"
    npm_cache src/runtime/npm/examples/vite/package-lock.json "$folder/cached"
    found="ONNX Runtime $ONNXRUNTIME_VERSION (Python), $ONNXRUNTIME_WEB_VERSION (web, in node $(node --version)), TypeScript $TYPESCRIPT_VERSION"
}

npm_package() {
    local folder=$1 name=$2 version=$3
    ! grep -qs "\"version\": \"$version\"" "$folder/node_modules/$name/package.json" || return 0
    have npm || apt_install nodejs npm
    say "$name $version, in $folder"
    npm install --silent --no-audit --no-fund --ignore-scripts --prefix "$folder" "$name@$version" >&2 ||
        die "npm could not install $name $version: see its message above"
    changed=1
}

# What a lock file names goes into npm's cache, so that tests install it without a network. `noted` holds the lock that is there.
npm_cache() {
    local lock=$1 noted=$2
    ! cmp -s "$lock" "$noted" || return 0
    say "what $lock names, in npm's cache"
    node -e '
        const { packages } = JSON.parse(require("fs").readFileSync(process.argv[1], "utf8"));
        const here = (list, own) => !list || list.includes(own);
        for (const [place, { version, link, resolved, os, cpu }] of Object.entries(packages)) {
            const [, name] = place.split(/.*node_modules\//);
            const local = !name || link || resolved?.startsWith("file:");
            if (!local && here(os, process.platform) && here(cpu, process.arch)) console.log(`${name}@${version}`);
        }
    ' "$lock" | xargs npm cache add >&2 || die "npm could not fetch what $lock names: see its message above"
    cp "$lock" "$noted"
    changed=1
}

# ---- all of it --------------------------------------------------------------------------------

main() {
    step "C linker" c_linker
    step "Rust" rust
    step "wasm32 standard library" wasm_target
    step "wasm-bindgen-cli" wasm_bindgen
    step "trunk" trunk_tool
    step "browser for the tests" browser
    step "second browser" firefox
    step "peers for the tests" peers

    printf '\n'
    printf '%s\n' "${summary[@]}"
    [ ${#remarks[@]} = 0 ] || printf '\n%s\n' "${remarks[@]}"
    if [ "$changed" = 1 ]; then
        printf '\nReady in %d s.\n' "$SECONDS"
    else
        printf '\nReady: everything was in place (%d s).\n' "$SECONDS"
    fi
    printf 'See the page: trunk serve --release     Run the tests: cargo test\n'
    # Here, so that a script that is edited while it runs (a pull, say) is not read any further.
    exit 0
}

main "$@"
