#!/bin/sh
# Makes what the built page lacks: pack.sh FOLDER.
#
# First its module for browsers without relaxed SIMD, of the one with it. Then the page as one HTML file that runs by a
# double-click, with the module that every browser takes.
# A page from file:// may fetch neither a module nor a wasm file nor a worker's script. So each is carried as text
# (gzip, base64), and unpack.js gives it the address of a blob. The sentence scenarios are left out for their size.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
cd "${1:-${TRUNK_STAGING_DIR:?the folder of the built page}}"
out=perforate.html

cargo run --quiet --manifest-path "$root/Cargo.toml" -p perforate-plain-simd -- perforate-web_bg.wasm perforate-web-plain_bg.wasm

# ONNX Runtime Web, which a button of the page loads from this folder: where ./setup.sh has put it.
peer=${XDG_CACHE_HOME:-$HOME/.cache}/perforate/peers/node_modules/onnxruntime-web
if [ -d "$peer" ]; then
    mkdir -p ort
    cp "$peer/dist/ort.wasm.min.mjs" "$peer/dist/ort-wasm-simd-threaded.mjs" "$peer/dist/ort-wasm-simd-threaded.wasm" ort/
fi

carry() { # NAME TYPE
    printf '<script type="text/plain" data-file="%s" data-type="%s">' "$1" "$2"
    gzip -9 -c "$1" | base64 | tr -d '\n'
    printf '</script>\n'
}

{
    printf '<!doctype html>\n<html lang="en" data-state="loading">\n<head>\n'
    # The page's own head, without what it loads and what it forbids.
    sed -n '/<head>/,/<\/head>/p' index.html |
        grep -v -e '<head>' -e '</head>' -e '<script' -e '<link' -e 'Content-Security-Policy' -e '<!--' -e '-->' -e '^ *$'
    printf '<meta http-equiv="Content-Security-Policy" content="%s">\n' \
        "default-src 'none'; script-src 'unsafe-inline' 'wasm-unsafe-eval' blob:; style-src 'unsafe-inline'; img-src data: blob:; connect-src blob:; worker-src blob:; base-uri 'none'; form-action 'none'"
    printf '<style>\n'
    cat style.css first-screen.css report.css
    printf '</style>\n<script>\n'
    cat first.js
    printf '</script>\n</head>\n'
    sed -n '/<body>/,/<\/body>/p' index.html | sed '/<\/body>/d'
    for file in perforate-web.js worker.js dom.js browser.js store.js lab.js live.js own.js pad.js peer-worker.js peer.js panels.js controls.js card.js charts.js hundred.js inside.js sections.js render.js app.js; do
        carry "$file" text/javascript
    done
    carry perforate-web-plain_bg.wasm application/wasm
    find models \( -name '*.onnx' -o -name '*.gz' \) ! -path '*sentences*' ! -path '*pages*' | sort | while read -r file; do
        carry "$file" application/octet-stream
    done
    printf '<script>\n'
    cat unpack.js
    printf '</script>\n</body>\n</html>\n'
} >"$out.part"
mv "$out.part" "$out"
