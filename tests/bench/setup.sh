# SPDX-License-Identifier: LGPL-2.1-or-later
# What tests/bench/run and tests/bench/growth share: packages, peers, programs. To be sourced by bash,
# behind pipelines/setup.sh.
# shellcheck shell=bash
# shellcheck disable=SC2154  # root and build_packages are of those

# what is compared with, and what data are made with
peer_packages=(coreutils seqkit isal tabix zstd gzip libhts-dev zlib1g-dev python3 python3-venv
  python3-torch gnuplot-nox)
python=/usr/bin/python3

# build_peer NAME SOURCE [OPTION...]: a peer that needs headers which the project does not
build_peer () {
  local name=$1 source=$2
  shift 2
  cc -O2 -o "$peers/$name" "$@" "$root/tests/bench/$source" -lz 2>"$peers/$name.log" || {
    say "$name can't be built, so it is not measured: $(head -n 1 "$peers/$name.log")"
    rm -f "$peers/$name"
  }
}

# Peers that Debian does not have, in a place of their own: what fails here is not measured.
install_python_peers () {
  local venv=$peers/python
  [ -e "$venv/bin/python" ] ||
    "$python" -m venv --system-site-packages "$venv" >&2 || return 0
  "$venv/bin/python" -c 'import esm, tokenizers' 2>/dev/null && return 0
  say "Installing fair-esm and tokenizers into $venv"
  "$venv/bin/python" -m pip install --quiet --no-deps --disable-pip-version-check fair-esm >&2 ||
    say "(fair-esm can't be had)"
  "$venv/bin/python" -m pip install --quiet --no-deps --disable-pip-version-check tokenizers >&2 ||
    say "(tokenizers can't be had)"
}

# prepare_bench DIRECTORY: everything that a comparison needs, with the plugins of that build
prepare_bench () {
  local package
  peers=$root/build/bench-peers
  mkdir -p "$peers"
  need "to build" "${build_packages[@]}" || exit 1
  for package in "${peer_packages[@]}"; do   # one that is missing must not stop the others
    need "to compare with" "$package" || say "Going on without $package."
  done
  build "$1" bench -Dtests=enabled
  build_peer kseq kseq-count.c
  build_peer kseq-read kseq-count.c -DKSEQ_PLAIN
  build_peer kseq-digest kseq-digest.c
  install_python_peers
  use_build "$1"
  # the host path, also where there is a GPU
  export GST_SEQ_LIBCUDA=/nonexistent/libcuda.so.1
}
